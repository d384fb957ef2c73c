//! Draws arrivals of a workload in virtual time and does nothing with them: for `perf stat`, to say
//! what one costs.
//!
//! ```text
//! perf stat -e instructions:u,task-clock:u arrivals TRACE COUNT WORKLOAD [PARAMETERS]
//! ```

use std::sync::Arc;

use clockwork_wire::{ModelId, Nanos, Status};
use clockwork_workload::trace::Folder;
use clockwork_workload::{Context, Engine, Input, Output, registry};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [trace, count, workload, parameters @ ..] = &arguments[..] else {
        return Err("arguments are TRACE COUNT WORKLOAD [PARAMETERS]".into());
    };
    let context = Context {
        models: (0..61).map(|model| format!("model{model:02}")).collect(),
        files: Arc::new(Folder { days: None, file: Some(trace.into()) }),
        ..Context::default()
    };
    let plan = registry::find(workload)?.plan(parameters, &context)?;
    draw(Engine::new(plan, 1), count.parse()?);
    Ok(())
}

/// Answers every request at once, until so many were submitted.
fn draw(mut engine: Engine, count: u64) {
    let (mut now, mut models, mut submitted) = (Nanos::ZERO, 0, 0);
    while submitted < count {
        match engine.poll(now) {
            Some(Output::Load(load)) => {
                let (first, copies) = (ModelId::new(models), load.copies);
                engine.handle(now, Input::Loaded { first, copies });
                models += copies;
            }
            Some(Output::List) => engine.handle(now, Input::Listed { gpus: 1 }),
            Some(Output::Submit(submit)) => {
                submitted += 1;
                engine.handle(now, Input::Answered { tag: submit.tag, status: Status::OK });
            }
            Some(Output::Print(_)) => {}
            Some(Output::Done) => return,
            None => match engine.next_wakeup() {
                Some(at) => now = at,
                None => return,
            },
        }
    }
}
