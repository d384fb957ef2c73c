//! `clockwork plan`: the fewest devices are found, the same command gives the same bytes, and errors name
//! the option, its value and what is allowed.

use std::fs;

use crate::bench::Bench;
use crate::process::Ended;

/// 900 requests a second for two models, of which a device does about 300 one by one.
const RATES: &str = "900\n900\n900\n900\n";

fn plan(bench: &Bench, arguments: &[&str]) -> Ended {
    bench.start("clockwork", &[&["plan"], arguments].concat()).end()
}

/// A question about [`RATES`] that takes a moment.
const SHORT: [&str; 10] = [
    "--rates",
    "rates",
    "--models",
    "resnet50_v2:3",
    "--seconds",
    "2",
    "--warmup",
    "1",
    "--slo",
    "50",
];

#[test]
fn the_fewest_devices_are_found_and_the_same_command_gives_the_same_bytes() {
    let bench = Bench::new();
    bench.write("rates", RATES);
    let ask = |out, threads| {
        let more = ["--target", "0.99", "--out", out, "--threads", threads];
        plan(&bench, &[&SHORT[..], &more].concat())
    };
    let [first, second] = [ask("a", "1"), ask("b", "3")];
    assert_eq!((first.code, second.code), (Some(0), Some(0)), "{first:?}");
    for file in ["results.json", "table.md", "satisfaction.svg"] {
        let [a, b] = ["a", "b"].map(|out| fs::read(bench.path(out).join(file)).unwrap());
        assert!(!a.is_empty() && a == b, "{file}");
    }
    let found: serde_json::Value =
        serde_json::from_slice(&fs::read(bench.path("a/results.json")).unwrap()).unwrap();
    let devices = found["devices"].as_u64().unwrap();
    // In batches of eight a device does 645/s, one by one 301/s.
    assert!((2..=4).contains(&devices), "{found}");
    let attempt = |n: u64| {
        let attempts = found["attempts"].as_array().unwrap();
        attempts.iter().find(|attempt| attempt["devices"] == n).unwrap().clone()
    };
    assert_eq!(attempt(devices)["enough"], true);
    assert_eq!(attempt(devices - 1)["enough"], false);
    let missed = attempt(devices - 1)["missed"]["refused"].as_u64().unwrap();
    assert!(missed > 0, "{found}");
    let table = fs::read_to_string(bench.path("a/table.md")).unwrap();
    assert!(table.contains(&format!("| **{devices}** |")), "{table}");
    let answer = format!("devices needed for 99.00 % within 50 ms: {devices}");
    assert!(first.out.iter().any(|line| line.starts_with(&answer)), "{first:?}");
}

#[test]
fn what_even_the_most_devices_cannot_do_is_said_with_the_reason() {
    let bench = Bench::new();
    bench.write("rates", RATES);
    let few = plan(&bench, &[&SHORT[..], &["--max-devices", "1", "--out", "o"]].concat());
    assert_eq!(few.code, Some(1));
    for words in
        ["--max-devices 1 is too few for 99.90 % within 50 ms", "refused early", "waited in vain"]
    {
        assert!(few.err.contains(words), "{words}: {few:?}");
    }
    let results = fs::read_to_string(bench.path("o/results.json")).unwrap();
    assert!(results.contains("\"devices\": null") && results.contains("\"complete\": true"));
}

#[test]
fn a_trace_and_a_profile_of_ones_own_are_enough() {
    let bench = Bench::new();
    bench.write("trace.csv", "HashFunction,minute_1,minute_2\na,6000,6000\nb,600,0\n");
    bench.write(
        "mine.tsv",
        "model\tinput_bytes\toutput_bytes\tweights_bytes\tload_ns\texec_b1_ns\n\
         quick\t4\t4\t1000\t1000000\t1000000\nslow\t4\t4\t1000\t1000000\t9000000\n",
    );
    let trace = ["--trace", "trace.csv", "--scale-rows", "0", "--scale-rate", "2"];
    let more = ["--profile", "mine.tsv", "--seconds", "5", "--warmup", "0", "--target", "0.9"];
    let found = plan(&bench, &[&trace[..], &more].concat());
    assert_eq!(found.code, Some(0), "{found:?}");
    // 200/s of the first model, which takes 1 ms, and 20/s of the second, which takes 9 ms.
    assert!(found.out.iter().any(|line| line.ends_with("within 100 ms: 1")), "{found:?}");
    let results = fs::read_to_string(bench.path("plan/results.json")).unwrap();
    assert!(results.contains("replay-trace quick:1,slow:1") && results.contains("mine.tsv"));
}

#[test]
fn what_was_found_until_an_interrupt_is_kept() {
    let bench = Bench::new();
    bench.write("rates", &"3000\n".repeat(3_600));
    let long = ["--rates", "rates", "--models", "resnet50_v2", "--seconds", "3000", "--out", "o"];
    let mut run = bench.start("clockwork", &[&["plan"], &long[..]].concat());
    run.hear("for copying weights");
    let ended = run.interrupt();
    assert!(ended.code == Some(1) && ended.err.contains("broken off"), "{ended:?}");
    let results = fs::read_to_string(bench.path("o/results.json")).unwrap();
    assert!(results.contains("\"complete\": false") && results.contains("\"bounds\""), "{results}");
}

#[test]
fn a_question_that_makes_no_sense_is_refused_at_once() {
    let bench = Bench::new();
    bench.write("rates", RATES);
    bench.write("words", "fast\n");
    bench.write("file", "");
    bench.write("empty.csv", "");
    bench.write("columns.csv", "f,a,b\nx,1,2\n");
    bench.write("wide.csv", "f,minute_1\nx,1,2\n");
    bench.write("profile.tsv", "model\tinput_bytes\nresnet50_v2\t4\n");
    for (name, bytes) in [("latin.csv", &b"f,minute_1\nx\xff,1\n"[..]), ("latin.tsv", b"model\xff")]
    {
        fs::write(bench.path(name), bytes).unwrap();
    }
    for (arguments, words) in [
        ("", "one of --trace FILE"),
        ("--rates rates --trace rates", "cannot be used with"),
        ("--rates rates,rates --models resnet50_v2", "names 2 files for 1 models"),
        ("--rates none", "--rates: there is no file `none`"),
        ("--rates words", "--rates: `words`: line 1: `fast` is no number"),
        ("--trace none", "--trace: `none`"),
        ("--trace empty.csv", "--trace: `empty.csv`: it is empty"),
        ("--trace columns.csv", "no column is a minute"),
        ("--trace wide.csv", "line 2: it has 3 columns, the header has 2"),
        ("--trace latin.csv", "--trace: `latin.csv`"),
        ("--rates rates --models resnet51", "has no model `resnet51`"),
        ("--rates rates --models resnet50_v2:0", "--models has `resnet50_v2:0`"),
        ("--rates rates --target 99.9", "--target is `99.9`: a fraction above 0 and up to 1"),
        ("--rates rates --target 0", "--target is `0`"),
        ("--rates rates --models resnet50_v2 --slo 3", "resnet50_v2 alone takes 3.322 ms"),
        ("--rates rates --slo -1", "--slo is `-1`"),
        ("--rates rates --models resnet50_v2 --pages 6", "needs 7 pages"),
        ("--rates rates --seconds 0", "--seconds is `0`"),
        (
            "--rates rates --profile profile.tsv",
            "--profile profile.tsv: line 1, column `output_bytes`",
        ),
        ("--rates rates --profile latin.tsv", "not UTF-8 from byte 5 on"),
        ("--rates rates --profile nowhere", "--profile nowhere: it cannot be read"),
        ("--rates rates --set depth=2", "--set is `depth=2`"),
        ("--rates rates --warmup 9000", "nothing is asked for"),
    ] {
        let arguments: Vec<&str> = arguments.split_whitespace().collect();
        let ended = plan(&bench, &arguments);
        assert!(ended.code == Some(2) && ended.err.contains(words), "{arguments:?}: {ended:?}");
    }
    let unwritable = plan(&bench, &[&SHORT[..], &["--out", "file/in"]].concat());
    let words = "cannot write file/in";
    assert!(unwritable.code == Some(1) && unwritable.err.contains(words), "{unwritable:?}");
}
