//! The rules of this project, as functions that name what breaks them.
//!
//! What it is: one module per kind of rule; each rule is a pure function from text to a list of
//! complaints, tested here on small samples and applied to the whole tree by `tests/rules.rs`.
//! What it is not: a formatter or a linter; rustfmt and clippy do that.
//! Start reading at `tests/rules.rs`: it is the list of rules.

pub mod direction;
pub mod documents;
pub mod licences;
pub mod source;
pub mod tree;

/// One broken rule: where, and what to do about it.
pub type Complaint = String;
