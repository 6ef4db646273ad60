package feature

import (
	"fmt"

	"github.com/hypernas/hypernas/plugins"
)

// CheckRange returns an error wrapping plugins.ErrOption unless the value of the
// option called name is from low to top, both included. NaN is not.
func CheckRange[T int | float64](name string, value, low, top T) error {
	if value >= low && value <= top {
		return nil
	}
	return fmt.Errorf("%w: %s=%v; it takes %v to %v", plugins.ErrOption, name, value, low, top)
}
