//! Programs that do one thing and end: `simpleclient` and `profile`.

use std::fs;

use clockwork_executor::compile::digits;

use crate::bench::Bench;

#[test]
fn simpleclient_shows_the_five_likeliest_digits_of_an_image() {
    let bench = Bench::new();
    let worker = bench.cpu_worker();
    let controller = bench.controller("CLOCKWORK", worker.address, &[]);
    let address = controller.address.to_string();
    let example = digits::examples().next().expect("there are test images");
    fs::write(bench.path("image"), example.image).expect("a test may write files");
    let asked = bench.start("simpleclient", &[&address, digits::NAME, "image"]).end();
    assert_eq!(asked.code, Some(0), "{}", asked.err);
    assert_eq!(asked.out.len(), 5, "{:?}", asked.out);
    assert!(asked.out[0].starts_with(&format!("{} = ", example.label)), "{:?}", asked.out);

    bench.write("short", "abc");
    for (arguments, code, words) in [
        (&[&*address, digits::NAME, "short"][..], 3, "short has 3 bytes"),
        (&[&*address, "resnet51", "image"], 2, "resnet51"),
        (&[&*address, digits::NAME, "nowhere"], 1, "cannot read nowhere"),
        (&[&*address], 1, "MODEL"),
    ] {
        let asked = bench.start("simpleclient", arguments).end();
        assert!(asked.code == Some(code) && asked.err.contains(words), "{code}: {asked:?}");
    }
}

#[test]
fn profile_lists_what_holds_and_the_command_that_repairs_what_does_not() {
    let bench = Bench::new();
    let checked = bench.start("profile", &["[check]"]).end();
    let failing = checked.out.iter().filter(|line| line.starts_with('✘')).count();
    let repairs = checked.out.iter().filter(|line| line.starts_with("    ")).count();
    assert!(checked.out.len() >= 13 && failing == repairs, "{:?}", checked.out);
    let variable = "CUDA_CACHE_DISABLE=";
    assert!(checked.out[0].contains(variable), "{:?}", checked.out);
    let required = checked.out.iter().take_while(|line| !line.contains("io_uring"));
    let fails = required.filter(|line| line.starts_with('✘')).count() > 0;
    assert_eq!(checked.code, Some(i32::from(fails)), "{:?}", checked.out);
    assert_eq!(bench.start("profile", &["[status]"]).end().code, Some(0));
    assert_eq!(bench.start("profile", &["[nonsense]"]).end().code, Some(2));
}
