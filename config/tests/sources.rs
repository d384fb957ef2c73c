//! File, environment and flags, ours and the original's.

use clockwork_config::{Config, ConfigError, Resolved, Sources};
use clockwork_wire::Span;

#[test]
fn no_source_gives_the_defaults() {
    let resolved = Sources::default().resolve().unwrap();
    assert_eq!(resolved, Resolved { config: Config::default(), overridden: Vec::new() });
}

#[test]
fn a_flag_beats_the_environment_and_that_beats_the_file() {
    let text = "[scheduler]\nmax_gpus = 1\ndefault_slo = \"1s\"\nmax_batch = 4\n";
    let mut sources = file("a.toml", text);
    sources.environment = pairs(&[
        ("CLOCKWORK_SCHEDULER_MAX_GPUS", "2"),
        ("CLOCKWORK_SCHEDULER_DEFAULT_SLO", "2000000000"),
    ]);
    let resolved = sources.flag("scheduler.max_gpus", Some(3)).resolve().unwrap();
    let scheduler = &resolved.config.scheduler;
    assert_eq!((scheduler.max_gpus, scheduler.max_batch.get()), (3, 4));
    assert_eq!(scheduler.default_slo, Span::from_secs(2));
    let origins: Vec<_> = resolved.overridden.iter().map(|o| o.origin.as_str()).collect();
    assert_eq!(origins[..3], ["a.toml"; 3]);
    assert_eq!(origins[5], "flag for scheduler.max_gpus");
}

#[test]
fn the_originals_variables_work() {
    let environment = |pairs_of: &[(&str, &str)]| {
        let sources = Sources { environment: pairs(pairs_of), ..Sources::default() };
        sources.resolve().unwrap().config
    };
    let config = environment(&[
        ("CLOCKWORK_DISABLE_INPUTS", "1"),
        ("CLOCKWORK_LOG_DIR", "/data"),
        ("CLOCKWORK_MODEL_DIR", "/models"),
        ("CLOCKWORK_BUILD", "/anything"),
        ("HOME", "/"),
    ]);
    assert!(config.client.disable_inputs);
    assert_eq!((config.log.dir.as_str(), config.worker.model_dir.as_str()), ("/data", "/models"));
    assert!(!environment(&[("CLOCKWORK_DISABLE_INPUTS", "yes")]).client.disable_inputs);
    assert_eq!(environment(&[("CLOCKWORK_LOG_DIR", "")]), Config::default());
}

#[test]
fn an_unknown_key_or_section_is_named_with_its_line_and_the_valid_ones() {
    let error = fails(&file("a.toml", "[scheduler]\n\nmax_gpu = 1\n"));
    assert!(error.contains("a.toml") && error.contains("line 3"), "{error}");
    assert!(error.contains("`max_gpu`") && error.contains("`max_gpus`"), "{error}");
    let error = fails(&file("a.toml", "[schedule]\n"));
    assert!(error.contains("`schedule`") && error.contains("`scheduler`"), "{error}");
    let error = fails(&Sources::default().flag("scheduler.slo", Some(1)));
    assert!(error.contains("scheduler.slo") && error.contains("scheduler.default_slo"), "{error}");
}

#[test]
fn a_bad_value_is_named_with_its_source_and_what_is_allowed() {
    let error = fails(&file("a.toml", "[scheduler]\ndefault_slo = \"soon\"\n"));
    assert!(error.contains("soon") && error.contains("ms, s, min"), "{error}");
    let error = fails(&Sources::default().flag("scheduler.max_gpus", Some("many")));
    assert!(error.contains("flag for scheduler.max_gpus") && error.contains("many"), "{error}");
    let error = fails(&Sources::default().flag("scheduler.max_batch", Some(257)));
    assert!(error.contains("257") && error.contains("1 to 256"), "{error}");
    let error = Sources::default().flag("worker.gpus", Some(0)).resolve().unwrap_err();
    let allowed = "1 to 1024".to_owned();
    assert_eq!(error, ConfigError::Range { key: "worker.gpus".into(), value: "0".into(), allowed });
}

#[test]
fn a_file_that_cannot_be_read_is_named() {
    let path = std::path::Path::new("no/such/file.toml");
    let error = Sources::of_process(Some(path)).unwrap_err().to_string();
    assert!(error.contains("no/such/file.toml"), "{error}");
}

#[test]
fn the_originals_default_file_gives_our_defaults() {
    let resolved = file("default.cfg", ORIGINAL).resolve().unwrap();
    assert_eq!(resolved.config, Config::default());
    assert_eq!(resolved.overridden.len(), 9);
}

#[test]
fn the_originals_file_may_hold_a_part_and_is_known_by_its_content() {
    let text =
        "/* 16 GB */ WorkerConfig = { memory_settings : { weights_cache_size = 10737418240L } }";
    let resolved = file("user", text).resolve().unwrap();
    assert_eq!(resolved.config.executor.weights_cache_size, 10 << 30);
    assert_eq!(
        resolved.overridden[0].to_string(),
        "The default setting executor.weights_cache_size was overwritten to 10737418240"
    );
}

#[test]
fn a_mistake_in_the_originals_file_is_named_with_its_line_and_what_is_allowed() {
    for (text, expected) in [
        ("WorkerConfig :\n{ memory = { } }", "line 2: unknown group `WorkerConfig.memory`"),
        ("WorkerConfig :\n{ pool = 1L; }", "line 2: unknown key `WorkerConfig.pool`"),
        ("WorkerConfig :\n{ allow_zero_size_inputs = 1 }", "allowed is true or false"),
        ("WorkerConfig : { memory_settings : { io_pool_size = -1 } }", "an integer of bytes"),
        ("WorkerConfig : { memory_settings : { io_pool_size = 1.5 } }", "`1.5` is neither"),
        ("WorkerConfig :\n\n{ ", "line 3: `WorkerConfig` is not closed"),
        ("WorkerConfig { }", "needs `=` or `:`"),
        ("WorkerConfig = ;", "needs a value or a group"),
        ("WorkerConfig = { log_dir = { telemetry_log_dir = \"x } }", "not closed by a quotation"),
        ("/* ", "a comment is not closed"),
        ("}", "where a key or group was expected"),
        ("é = 1", "unknown key"),
        ("= %", "where a key or group was expected"),
        ("%%", "`%` is neither"),
    ] {
        let error = fails(&file("user.cfg", text));
        assert!(error.contains("user.cfg: ") && error.contains(expected), "{text}: {error}");
    }
}

#[test]
fn a_resolved_configuration_can_be_written_and_read_back() {
    let sources =
        Sources::default().flag("cores.spin", Some("120us")).flag("log.dir", Some("a\"b"));
    let config = sources.resolve().unwrap().config;
    let text = clockwork_config::documented(&config);
    assert_eq!(file("written.toml", &text).resolve().unwrap().config, config);
}

fn file(path: &str, text: &str) -> Sources {
    Sources { file: Some((path.into(), text.into())), ..Sources::default() }
}

fn fails(sources: &Sources) -> String {
    sources.resolve().expect_err("a mistake").to_string()
}

fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect()
}

/// The original's default file, in our words.
const ORIGINAL: &str = "
# Worker
WorkerConfig :
{
    memory_settings : {
        weights_cache_size = 23085449216L; // bytes
        weights_cache_page_size = 0x1000000;
        io_pool_size = 536870912L;
        workspace_pool_size = 536870912L;
        host_io_pool_size = 536870912;
    };
    telemetry_settings : { enable_task_telemetry = false; enable_action_telemetry = FALSE; };
    log_dir : { telemetry_log_dir = \"./\"; };
    allow_zero_size_inputs = true;
};
";
