//! Compiles the code in the readme, and runs what can be run, as tests of the
//! documentation. It holds nothing else.

#![cfg_attr(doctest, doc = include_str!("../../README.md"))]
