//! An opened library: its symbols and its description are checked before anything of it is used.
#![expect(unsafe_code, reason = "a library is C")]

use std::error::Error as _;
use std::ffi::{CStr, c_char};
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::slice;
use std::sync::Arc;

use clockwork_wire::BatchSize;
use libloading::Library;

use super::LibraryError;
use super::abi::{
    BATCHES_MAX, Describe, Description, Explain, NAME_MAX, Run, VERSION, WORKSPACE_MAX, Workspace,
};
use crate::artifact::{Sizes, Weights};
use crate::cpu::Memory;

/// The shared object's name in its model's folder.
pub const OBJECT: &str = "model.so";

/// The weights' name in the model's folder.
pub const WEIGHTS: &str = "weights.bin";

/// A model whose code is a shared object. The object stays open for as long as this lives.
pub struct LibraryModel {
    name: String,
    input_bytes: u32,
    output_bytes: u32,
    weights: Arc<Weights>,
    /// Rising, with the bytes of workspace of each.
    batches: Vec<(BatchSize, usize)>,
    run: Run,
    explain: Explain,
    /// Where the object's description lies: the same object has the same.
    identity: usize,
    /// After the functions, which are its own.
    _object: Library,
}

impl LibraryModel {
    /// Opens the library in a model's folder.
    ///
    /// Opening runs the object's initializers: name only folders whose contents you trust as you trust this
    /// program.
    ///
    /// # Errors
    /// Names the file that cannot be read or opened, the function that is missing, the version that is not
    /// known, or the field that makes no sense.
    pub fn open(folder: &Path) -> Result<Self, LibraryError> {
        let path = inside(folder, OBJECT)?;
        let refuse = |error: libloading::Error| {
            // What the system's loader says comes second.
            let reason = error.source().map_or_else(|| error.to_string(), ToString::to_string);
            LibraryError::Open { path: path.clone(), reason }
        };
        // SAFETY: its initializers run; whoever configured the folder vouches for what lies in it.
        let object = unsafe { Library::new(&path) }.map_err(refuse)?;
        let symbols = Symbols::find(&object).map_err(refuse)?;
        let described = symbols.describe(&path)?;
        let batches = symbols.batches(&path, &described)?;
        let weights = weights(folder, described.facts.weights_bytes)?;
        Ok(Self {
            name: described.name,
            input_bytes: described.facts.input_bytes,
            output_bytes: described.facts.output_bytes,
            weights: Arc::new(weights),
            batches,
            run: symbols.run,
            explain: symbols.explain,
            identity: described.identity,
            _object: object,
        })
    }

    /// What it calls itself; clients ask for it by its folder's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Bytes of one input.
    pub const fn input_bytes(&self) -> u32 {
        self.input_bytes
    }

    /// Bytes of one output.
    pub const fn output_bytes(&self) -> u32 {
        self.output_bytes
    }

    /// Its weights.
    pub const fn weights(&self) -> &Arc<Weights> {
        &self.weights
    }

    /// The batch sizes that it can run, in rising order.
    pub fn batches(&self) -> impl Iterator<Item = BatchSize> {
        self.batches.iter().map(|&(batch, _)| batch)
    }

    /// Elements of each memory that a run of this batch size needs; `None` if it cannot run it.
    ///
    /// # Panics
    /// Never: a length of 32 bits fits the address space.
    pub fn sizes(&self, batch: BatchSize) -> Option<Sizes> {
        let &(_, workspace) = self.batches.iter().find(|&&(size, _)| size == batch)?;
        let elements = |bytes: u32| {
            usize::try_from(bytes).expect("a length fits the address space") / size_of::<f32>()
        };
        Some(Sizes {
            input: elements(self.input_bytes) * batch.count(),
            output: elements(self.output_bytes) * batch.count(),
            workspace: workspace.div_ceil(size_of::<f32>()),
            weights: self.weights.len() / size_of::<f32>(),
        })
    }

    /// Whether both are the same object with the same weights.
    pub fn is_same(&self, other: &Self) -> bool {
        self.identity == other.identity && self.weights == other.weights
    }

    /// Runs a batch.
    ///
    /// # Errors
    /// What the library says went wrong.
    ///
    /// # Panics
    /// If it cannot run this batch size, or a memory is smaller than [`LibraryModel::sizes`] says.
    pub fn run(&self, batch: BatchSize, memory: Memory<'_>) -> Result<(), String> {
        let sizes = self.sizes(batch).expect("a batch size of the library");
        let Memory { input, output, workspace, weights } = memory;
        let (input, weights) = (&input[..sizes.input], &weights[..sizes.weights]);
        let (output, workspace) = (&mut output[..sizes.output], &mut workspace[..sizes.workspace]);
        // SAFETY: the function has this type, which the version in its description says; the memories have the
        // lengths that the library was promised, are borrowed for the call, and do not overlap.
        let code = unsafe {
            (self.run)(
                batch.get().into(),
                weights.as_ptr().cast(),
                input.as_ptr().cast(),
                output.as_mut_ptr().cast(),
                workspace.as_mut_ptr().cast(),
            )
        };
        if code == 0 { Ok(()) } else { Err(self.explained(code)) }
    }

    fn explained(&self, code: i32) -> String {
        // SAFETY: the function has this type, as above.
        let said = unsafe { (self.explain)(code) };
        // SAFETY: the library promises a sentence that stays valid, or nothing.
        let said = unsafe { text(said) };
        said.map_or_else(|| format!("error {code}"), |said| format!("error {code}: {said}"))
    }
}

/// The functions of an object.
struct Symbols {
    describe: Describe,
    workspace: Workspace,
    run: Run,
    explain: Explain,
}

/// What a library says of itself, checked but for its batch sizes.
struct Described {
    facts: Description,
    name: String,
    identity: usize,
}

impl Symbols {
    fn find(object: &Library) -> Result<Self, libloading::Error> {
        // SAFETY of all four: the header gives each name its type; a library that exports the name with another
        // type breaks the contract that its maker signed by exporting it.
        Ok(Self {
            // SAFETY: see above.
            describe: unsafe { *object.get::<Describe>(c"clockwork_model_describe")? },
            // SAFETY: see above.
            workspace: unsafe { *object.get::<Workspace>(c"clockwork_model_workspace")? },
            // SAFETY: see above.
            run: unsafe { *object.get::<Run>(c"clockwork_model_run")? },
            // SAFETY: see above.
            explain: unsafe { *object.get::<Explain>(c"clockwork_model_error")? },
        })
    }

    fn describe(&self, path: &Path) -> Result<Described, LibraryError> {
        let wrong = |field, reason: String| {
            Err(LibraryError::Description { path: path.to_owned(), field, reason })
        };
        // SAFETY: the function has this type (`find`).
        let said = unsafe { (self.describe)() };
        if said.is_null() {
            return wrong("clockwork_model_describe", "returns NULL".to_owned());
        }
        // SAFETY: the version is the first field in every version of the description.
        let found = unsafe { said.cast::<u32>().read() };
        if found != VERSION {
            return Err(LibraryError::Version { path: path.to_owned(), found, known: VERSION });
        }
        // SAFETY: of this version a description is what `Description` is.
        let facts = unsafe { said.read() };
        for (field, bytes) in
            [("input_bytes", facts.input_bytes), ("output_bytes", facts.output_bytes)]
        {
            if bytes == 0 || bytes % 4 != 0 {
                return wrong(field, format!("is {bytes}; it must be a positive multiple of 4"));
            }
        }
        if facts.weights_bytes % 4 != 0 {
            let bytes = facts.weights_bytes;
            return wrong("weights_bytes", format!("is {bytes}; it must be a multiple of 4"));
        }
        // SAFETY: the library promises a name that stays valid, or nothing.
        let name = unsafe { text(facts.name) };
        match name {
            Some(name) if !name.is_empty() && name.len() <= NAME_MAX => {
                Ok(Described { facts, name, identity: said.addr() })
            }
            _ => wrong("name", format!("must be 1 to {NAME_MAX} bytes of UTF-8")),
        }
    }

    /// The batch sizes with their workspace.
    fn batches(
        &self,
        path: &Path,
        said: &Described,
    ) -> Result<Vec<(BatchSize, usize)>, LibraryError> {
        let wrong = |field, reason: String| LibraryError::Description {
            path: path.to_owned(),
            field,
            reason,
        };
        let Description { batch_count, batches, .. } = said.facts;
        if !(1..=BATCHES_MAX).contains(&batch_count) || batches.is_null() {
            let reason =
                format!("is {batch_count}; it must be 1 to {BATCHES_MAX}, with `batches` set");
            return Err(wrong("batch_count", reason));
        }
        let count = usize::try_from(batch_count).expect("checked to be small");
        // SAFETY: the library promises so many numbers that stay valid.
        let sizes = unsafe { slice::from_raw_parts(batches, count) };
        let rising = sizes.first() == Some(&1) && sizes.is_sorted_by(|a, b| a < b);
        let known: Option<Vec<_>> =
            sizes.iter().map(|&size| BatchSize::new(u16::try_from(size).ok()?)).collect();
        let known = known.filter(|_| rising).ok_or_else(|| {
            let limit = BatchSize::LIMIT;
            wrong("batches", format!("are {sizes:?}; they must rise from 1 to at most {limit}"))
        })?;
        let workspace = |batch: BatchSize| {
            // SAFETY: the function has this type (`find`).
            let bytes = unsafe { (self.workspace)(batch.get().into()) };
            let small = usize::try_from(bytes).ok().filter(|_| bytes <= WORKSPACE_MAX);
            let small = small.ok_or_else(|| {
                let reason =
                    format!("wants {bytes} bytes for batch {batch}; the limit is {WORKSPACE_MAX}");
                wrong("clockwork_model_workspace", reason)
            })?;
            Ok((batch, small))
        };
        known.into_iter().map(workspace).collect()
    }
}

/// A file of a model's folder, which must lie in it.
fn inside(folder: &Path, name: &str) -> Result<PathBuf, LibraryError> {
    let path = folder.join(name);
    let real = |path: &Path| {
        fs::canonicalize(path).map_err(|source| LibraryError::Io { path: path.to_owned(), source })
    };
    let (found, folder) = (real(&path)?, real(folder)?);
    if found.parent() == Some(&folder) { Ok(found) } else { Err(LibraryError::Outside { path }) }
}

fn weights(folder: &Path, wanted: u64) -> Result<Weights, LibraryError> {
    if wanted == 0 {
        return Ok(Weights::new(Vec::new()));
    }
    let path = inside(folder, WEIGHTS)?;
    let weights = match fs::read(&path) {
        Ok(bytes) => Weights::new(bytes),
        Err(source) => return Err(LibraryError::Io { path, source }),
    };
    if u64::try_from(weights.len()).ok() != Some(wanted) {
        let reason = format!("is {wanted}, but the file has {} bytes", weights.len());
        return Err(LibraryError::Description { path, field: "weights_bytes", reason });
    }
    Ok(weights)
}

/// A text of a library; `None` if there is none, or it is not UTF-8.
///
/// # Safety
/// It is NULL, or ends with a zero byte and is not changed meanwhile.
unsafe fn text(text: *const c_char) -> Option<String> {
    if text.is_null() {
        return None;
    }
    // SAFETY: the caller's promise.
    let text = unsafe { CStr::from_ptr(text) };
    text.to_str().ok().map(str::to_owned)
}

/// Prints what it is, not where.
impl fmt::Debug for LibraryModel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LibraryModel")
            .field("name", &self.name)
            .field("input_bytes", &self.input_bytes)
            .field("output_bytes", &self.output_bytes)
            .field("weights", &self.weights)
            .field("batches", &self.batches)
            .finish_non_exhaustive()
    }
}
