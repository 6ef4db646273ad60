// Package host starts plugin processes, limits and watches them, and leaves
// nothing of them behind.
//
// [LaunchPredictor] and [LaunchSpace] start a fresh process of a [Plugin] and
// return it as an implementation of the contract. Whatever goes wrong with
// the process comes back as a [Failure] that names the reason: a time-out, a
// panic, an exit, a signal, a limit.
//
// On Linux an external plugin runs under a supervisor: this executable once
// more, which takes itself for the parent of all that the plugin leaves
// behind (PR_SET_CHILD_SUBREAPER), watches the memory of the process tree,
// and kills the whole of it when the plugin ends, when the host says so, or
// when the host is gone, however it went. A main function that launches
// plugins therefore begins with
//
//	host.SuperviseMain()
//
// Built-in plugins, and all plugins elsewhere, are children of the host, and
// end with it where package serve serves them. [Process.Limits] says what
// holds.
package host
