use super::*;

fn read(text: &str) -> Result<Trace, FileError> {
    Trace::read("t.csv", text.as_bytes())
}

#[test]
fn both_headers_are_read_in_any_order_of_the_names() {
    for (header, sampled) in [
        ("HashOwner,HashApp,HashFunction,Trigger,1,2,3", false),
        ("HashFunction,HashOwner,HashApp,a,minute_1,minute_2,minute_3", true),
        ("a,b,c,d,480,481,482", false),
    ] {
        let trace =
            read(&format!("{header}\r\nx,y,z,http,1,0,2\r\nx,y,w,timer,5,5,5\n\n")).unwrap();
        assert_eq!((trace.functions(), trace.minutes(), trace.total()), (2, 3, 18));
        assert_eq!(trace.is_sampled(), sampled);
        assert_eq!(trace.calls(2, 2), [3.0, 10.0]);
        assert_eq!(trace.calls(1, 7), [2.0 * 3.0, 35.0]);
    }
}

#[test]
fn a_time_without_calls_is_as_popular_as_all_others() {
    let trace = read("f,1,2,3\nx,0,7,0\ny,0,2,0\n").unwrap();
    assert_eq!(trace.calls(2, 2), [7.0, 2.0]);
}

#[test]
fn what_is_no_trace_is_refused_with_line_and_column() {
    for (text, error) in [
        ("", "`t.csv`: it is empty"),
        ("a,b\n1,2\n", "`t.csv`: line 1: no column is a minute, `1` or `minute_1`: it has a,b"),
        ("HashOwner,Average,percentile_Average_0\n", "line 1: no column is a minute"),
        ("1,2\n3,4\n", "line 1: no column names the function"),
        ("f,1,2,4\nx,1,1,1\n", "line 1: column `4` stands where `3` is missing"),
        ("f,minute_1,2\nx,1,1\n", "line 1: column `2` stands where `minute_2` is missing"),
        ("f,1,2\nx,1\n", "line 2: it has 2 columns, the header has 3"),
        ("f,1,2\nx,1,2,3\n", "line 2: it has 4 columns, the header has 3"),
        ("f,1\nx,1\n\ny,-1\n", "line 4: column `1`: `-1` is no number of calls"),
        (
            "f,minute_1,minute_2\nx,1,1.5\n",
            "line 2: column `minute_2`: `1.5` is no number of calls",
        ),
        ("f,1\nx,4294967296\n", "line 2: column `1`: `4294967296` is no number"),
        ("f,1\nx,0\n", "`t.csv`: no function of it is ever called"),
        ("f,1\n", "`t.csv`: no function of it is ever called"),
    ] {
        let wrong = read(text).unwrap_err().to_string();
        assert!(wrong.contains(error), "{text}: {wrong}");
    }
}
