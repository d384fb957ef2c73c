//! `replay-log`: recorded requests, at the very times at which they came.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use clockwork_wire::Span;

use crate::arguments::MODELS_MAX;
use crate::generator::{Arrival, LogReplay};
use crate::trace::{Asked, FileError, Log};
use crate::{Arguments, Parameter, Plan, Target, UsageError, Workload};

pub(crate) const WORKLOAD: Workload = Workload {
    name: "replay-log",
    description: "the requests of a recorded log (the controller's request log, or what client --requests wrote), each as long after the first as then",
    differs: "",
    parameters: &[
        Parameter::needed("file", "string", "the log, as .tsv; .gz and .zst too"),
        Parameter::optional(
            "models",
            "string",
            "resnet50_v2",
            "names of models, separated by commas; the recorded ids take turns over them",
        ),
        Parameter::optional("speed", "float", "1", "how many recorded seconds a second replays"),
    ],
    build: |arguments| {
        let speed = arguments.number("speed", 1e-3..=1e6)?;
        let failed = |source| UsageError::File { workload: arguments.workload(), source };
        let asked = read(arguments).map_err(failed)?;
        let mut plan = Plan::default();
        let places = load(&mut plan, arguments, &asked);
        if plan.models() > MODELS_MAX {
            let reason = format!("it has {} models, more than {MODELS_MAX}", plan.models());
            return Err(failed(FileError::of(arguments.text("file"), reason)));
        }
        let arrivals: Arc<[Arrival]> = arrivals(&asked, &places, speed).into();
        let length = arrivals.last().map_or(Span::ZERO, |last| last.after);
        plan.note(format!(
            "{}: {} requests in {:.1} s, {} models",
            arguments.text("file"),
            arrivals.len(),
            length.as_secs_f64(),
            plan.models()
        ));
        plan.add(LogReplay::new(arrivals));
        Ok(plan)
    },
};

/// What was asked for, in order of time.
fn read(arguments: &Arguments<'_>) -> Result<Vec<Asked>, FileError> {
    let file = arguments.text("file");
    let opened = arguments.context().files.open(Path::new(file));
    let log = Log::read(file, opened.map_err(|error| FileError::of(file, error))?)?;
    Ok(log.asked)
}

/// Loads a model for every recorded id; gives their places.
fn load(plan: &mut Plan, arguments: &Arguments<'_>, asked: &[Asked]) -> BTreeMap<u32, u32> {
    let ids: BTreeSet<u32> = asked.iter().map(|asked| asked.model).collect();
    let names: Vec<&str> = arguments.text("models").split(',').collect();
    let mut places = BTreeMap::new();
    for (turn, name) in names.iter().enumerate() {
        let first = plan.models();
        let own = ids.iter().skip(turn).step_by(names.len());
        places.extend(own.copied().zip(first..));
        let copies = u32::try_from(places.len()).expect("ids are 32 bits") - first;
        if copies > 0 {
            plan.load(name, copies);
        }
    }
    places
}

fn arrivals(asked: &[Asked], places: &BTreeMap<u32, u32>, speed: f64) -> Vec<Arrival> {
    let first = asked.first().map_or(0, |asked| asked.at);
    let arrival = |asked: &Asked| Arrival {
        after: Span::new(asked.at - first).scale(1.0 / speed),
        target: Target::new(asked.user, places[&asked.model]).with_slo_factor(asked.slo_factor),
    };
    asked.iter().map(arrival).collect()
}
