//! The switch listener (to be written).
