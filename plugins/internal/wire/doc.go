// Package wire is what both ends of the process boundary must agree on: the
// handshake, the size of messages, the form of errors, and the two services
// as implementations of the interfaces of package plugins.
package wire
