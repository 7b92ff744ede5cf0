#![doc = include_str!("ARCHITECTURE.md")]

// In reading order. Public for our own tests, load generator and binary only.
pub mod domain;

pub mod wire;

pub mod registry;

pub mod clock;
pub mod config;
pub mod logging;
pub mod metrics;

pub mod store;

pub mod bucket;
pub mod control;
pub mod outbound;
pub mod recording;
pub mod remote;

pub mod engine;

pub mod http;

pub mod api;

pub mod app;
pub mod cli;
