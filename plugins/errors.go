package plugins

import "errors"

// Errors that keep their identity across the process boundary: an error of a
// plugin that wraps one of them is an error that wraps it in the host.
var (
	ErrOption      = errors.New("invalid option")
	ErrInput       = errors.New("invalid input")
	ErrUnsupported = errors.New("not supported")
	ErrNotFitted   = errors.New("not fitted yet")
	ErrDataMissing = errors.New("data not present")
)
