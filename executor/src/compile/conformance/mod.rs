//! Each operator, compiled and run, against its definition written down as plainly as possible.

mod convolution;
mod elementwise;
mod gpu;
mod groups;
mod hostile;
mod image;
mod model;
mod movement;
mod range;
mod slots;
mod tokens;
mod transposed;
mod version;
mod whole;
