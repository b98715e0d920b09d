//! A wire between the server and its clients: a pair of veth devices in a network namespace of its own.
