//! The userspace lane. (in work)
