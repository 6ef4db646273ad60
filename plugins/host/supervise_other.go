//go:build !linux

package host

import "os"

// supervised says that plugins run under a supervisor.
const supervised = false

func self() (string, error) { return os.Executable() }

func newSupervised(o order) (*tree, error) { return newDirect(o) }

// SuperviseMain does nothing: there is no supervisor on this system. See
// the package comment.
func SuperviseMain() {}
