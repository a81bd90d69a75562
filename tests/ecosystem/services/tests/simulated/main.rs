//! Well-known services in a simulation (`polliwog::sim`): clients as they are, each against a server on a host of its own, with
//! its data on that host's disk or in its memory. All that they ask the system for, time and chance, is the simulation's.

mod etcd;
mod s3;

polliwog::sim::replace_system!();
