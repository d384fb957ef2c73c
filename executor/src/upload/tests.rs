use std::fs;

use clockwork_wire::Payload;
use tempfile::TempDir;

use super::*;
use crate::artifact::Files;
use crate::compile::digits;

const LIMIT: u64 = 1 << 20;

fn id(counter: u64) -> ActionId {
    ActionId { epoch: 1, shard: 0, counter }
}

/// Takes a step of upload `upload`.
fn take(intake: &mut Intake, upload: u64, step: UploadStep) -> Result<(), Refusal> {
    intake.take(&UploadModel { id: id(99), upload: id(upload), step })
}

/// The first step for these files, and all bytes that follow.
fn announce(name: &str, files: &Files) -> (UploadStep, Vec<u8>) {
    let (mut hash, mut bytes, mut listed) = (Sha256::new(), Vec::new(), Vec::new());
    for (path, content) in files {
        let len = u64::try_from(content.len()).unwrap();
        hash.update(prefix(path, len));
        hash.update(content);
        bytes.extend_from_slice(content);
        listed.push(UploadFile { path: path.clone(), len });
    }
    let (name, sha256) = (name.to_owned(), hash.finalize().into());
    (UploadStep::Begin { name, files: listed, sha256 }, bytes)
}

fn data(offset: usize, bytes: &[u8]) -> UploadStep {
    let offset = u64::try_from(offset).unwrap();
    UploadStep::Data { offset, bytes: Payload::new(bytes.to_vec()) }
}

/// All steps of an upload, in pieces of so many bytes.
fn upload(intake: &mut Intake, name: &str, files: &Files, piece: usize) -> Result<(), Refusal> {
    let (begin, bytes) = announce(name, files);
    take(intake, 1, begin)?;
    let mut pieces = bytes.chunks(piece).enumerate();
    pieces.try_for_each(|(at, bytes)| take(intake, 1, data(at * piece, bytes)))
}

fn digits() -> Files {
    digits::artifact().to_files().unwrap()
}

fn names(folder: &TempDir) -> Vec<String> {
    let entries = fs::read_dir(folder.path()).unwrap();
    let mut names: Vec<_> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort_unstable();
    names
}

fn assert_refused(result: Result<(), Refusal>, status: Status, word: &str) {
    let (refused, message) = result.unwrap_err();
    assert!(refused == status && message.contains(word), "{refused}: {message}");
}

#[test]
fn what_comes_in_pieces_of_any_size_is_the_artifact_that_was_sent() {
    for piece in [1_000, 7_919, 64 << 10] {
        let folder = tempfile::tempdir().unwrap();
        let mut intake = Intake::new(Some(folder.path().to_owned()), LIMIT);
        upload(&mut intake, "m", &digits(), piece).unwrap();
        let read = Artifact::read(&folder.path().join("m")).unwrap();
        assert_eq!(read.cpu(), digits::artifact().cpu());
        assert_eq!(names(&folder), ["m"]);
        // Once more: the older one is replaced, with what was measured for it.
        fs::write(folder.path().join("m/measured"), "").unwrap();
        upload(&mut intake, "m", &digits(), piece).unwrap();
        assert!(!folder.path().join("m/measured").exists());
        assert_eq!(names(&folder), ["m"]);
        let listed = list(&folder.path().join("m")).unwrap();
        assert!(listed.iter().map(|file| &file.path).eq(digits().keys()), "{listed:?}");
    }
}

#[test]
fn a_worker_without_a_folder_or_with_a_limit_of_0_takes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    for mut intake in [Intake::new(None, LIMIT), Intake::new(Some(folder.path().to_owned()), 0)] {
        let refused = upload(&mut intake, "m", &digits(), 1_000);
        assert_refused(refused, Status::INVALID_REQUEST, "takes no uploads");
    }
    assert!(names(&folder).is_empty());
}

#[test]
fn names_lead_nowhere_else_and_replace_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let mut intake = Intake::new(Some(folder.path().to_owned()), LIMIT);
    let long = "n".repeat(256);
    for name in ["", ".", "..", ".m", "../m", "a/b", "a\\b", "a/m/model", "a\0b", &long] {
        let refused = upload(&mut intake, name, &digits(), 1_000);
        assert_refused(refused, Status::INVALID_REQUEST, "name");
    }
    fs::create_dir(folder.path().join("mine")).unwrap();
    let refused = upload(&mut intake, "mine", &digits(), 1_000);
    assert_refused(refused, Status::INVALID_REQUEST, "is not replaced");
    assert_eq!(names(&folder), ["mine"]);
}

#[test]
fn files_of_something_else_and_too_many_bytes_are_refused_before_any_comes() {
    let folder = tempfile::tempdir().unwrap();
    let mut intake = Intake::new(Some(folder.path().to_owned()), LIMIT);
    let begin = |path: &str, len: u64| {
        let file = UploadFile { path: path.to_owned(), len };
        UploadStep::Begin { name: "m".to_owned(), files: vec![file], sha256: [0; 32] }
    };
    for (path, len, word) in [
        ("model.so", 1, "`model.so` is no file of an artifact"),
        ("../manifest.json", 1, "is no file of an artifact"),
        (MANIFEST, LIMIT + 1, "1 to 1048576 are allowed"),
        (MANIFEST, u64::MAX, "are allowed"),
        (MANIFEST, 0, "are allowed"),
    ] {
        assert_refused(take(&mut intake, 1, begin(path, len)), Status::INVALID_REQUEST, word);
    }
    let file = UploadFile { path: MANIFEST.to_owned(), len: 1 };
    let files = vec![file.clone(), file];
    let twice = UploadStep::Begin { name: "m".to_owned(), files, sha256: [0; 32] };
    assert_refused(take(&mut intake, 1, twice), Status::INVALID_REQUEST, "named twice");
    assert!(names(&folder).is_empty());
}

#[test]
fn bytes_that_are_wrong_out_of_order_or_too_many_end_the_upload_without_a_trace() {
    let folder = tempfile::tempdir().unwrap();
    let mut intake = Intake::new(Some(folder.path().to_owned()), LIMIT);
    let (begin, bytes) = announce("m", &digits());
    let mut wrong = bytes.clone();
    wrong[bytes.len() / 2] ^= 1;
    let mut more = bytes.clone();
    more.push(0);
    for (step, word) in [
        (data(0, &wrong), "SHA-256"),
        (data(0, &more), "bytes came where 1 to"),
        (data(1, &bytes), "from 1 on came, those from 0 on are due"),
        (data(0, &[]), "0 bytes came"),
    ] {
        take(&mut intake, 1, begin.clone()).unwrap();
        assert_refused(take(&mut intake, 1, step), Status::INVALID_REQUEST, word);
        let over = take(&mut intake, 1, data(0, &bytes));
        assert_refused(over, Status::INVALID_REQUEST, "no such upload");
        assert!(names(&folder).is_empty());
    }
}

#[test]
fn what_has_the_right_hash_and_is_no_artifact_is_refused_with_the_artifacts_words() {
    let folder = tempfile::tempdir().unwrap();
    let mut intake = Intake::new(Some(folder.path().to_owned()), LIMIT);
    let mut damaged = digits();
    let weights = damaged.iter_mut().find(|(path, _)| path.ends_with("weights.bin")).unwrap();
    weights.1[0] ^= 1;
    let refused = upload(&mut intake, "m", &damaged, 64 << 10);
    assert_refused(refused, Status::INVALID_REQUEST, "weights.bin, sha256");
    let mut partial = digits();
    partial.remove(MANIFEST);
    let refused = upload(&mut intake, "m", &partial, 64 << 10);
    assert_refused(refused, Status::INVALID_REQUEST, MANIFEST);
    assert!(names(&folder).is_empty());
}

#[test]
fn one_name_comes_once_at_a_time_and_what_is_dropped_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let mut intake = Intake::new(Some(folder.path().to_owned()), LIMIT);
    let (begin, bytes) = announce("m", &digits());
    take(&mut intake, 1, begin.clone()).unwrap();
    let second = take(&mut intake, 2, begin.clone());
    assert_refused(second, Status::INVALID_REQUEST, "is under way");
    take(&mut intake, 3, announce("n", &digits()).0).unwrap();
    take(&mut intake, 1, data(0, &bytes)).unwrap();
    assert_eq!(names(&folder).len(), 2);
    take(&mut intake, 3, UploadStep::Drop).unwrap();
    assert_eq!(names(&folder), ["m"]);
    for upload in 4..20 {
        take(&mut intake, upload, announce(&format!("n{upload}"), &digits()).0).unwrap();
    }
    assert_refused(take(&mut intake, 20, begin), Status::OVERLOADED, "16 uploads");
    intake.drop_all();
    assert_eq!(names(&folder), ["m"]);
}

#[test]
fn a_start_removes_what_a_process_that_is_gone_left_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    for name in [".upload-9-1-2-3", "n", ".other"] {
        digits::artifact().write(&folder.path().join(name)).unwrap();
    }
    let mut intake = Intake::new(Some(folder.path().to_owned()), LIMIT);
    assert_eq!(names(&folder), [".other", "n"]);
    take(&mut intake, 1, announce("m", &digits()).0).unwrap();
    // Another worker that shares the folder starts.
    Intake::new(Some(folder.path().to_owned()), LIMIT);
    assert_eq!(names(&folder).len(), 3);
    drop(intake);
    assert_eq!(names(&folder), [".other", "n"]);
}
