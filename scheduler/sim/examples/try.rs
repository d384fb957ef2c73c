#![allow(missing_docs, clippy::all, clippy::pedantic)]
use clockwork_simulator::*;
fn main() {
    let a: Vec<String> = std::env::args().collect();
    let s = scenario::find(&a[1]).unwrap();
    let from: u64 = a[2].parse().unwrap();
    let to: u64 = a[3].parse().unwrap();
    let load = a.get(4).map(|x| x.parse().unwrap());
    let mut bad = 0;
    for seed in from..to {
        let t = std::time::Instant::now();
        let r = simulate(s, seed, &Options { load, ..Options::default() });
        if to - from < 5 {
            println!(
                "{r}\nwall {:?} {:.0} req/s",
                t.elapsed(),
                r.work.requests as f64 / t.elapsed().as_secs_f64()
            );
        }
        if !r.violations.is_empty() {
            bad += 1;
            if bad < 6 {
                println!("{r}");
            }
        }
        if t.elapsed().as_millis() > 500 {
            println!("seed {seed} slow {:?}", t.elapsed());
        }
    }
    println!("{bad} bad");
}
