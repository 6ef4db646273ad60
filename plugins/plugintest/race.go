//go:build race

package plugintest

import "time"

// cancelPatience is how long a cancelled Fit may go on. The contract says a
// second, of a program as it is used: the race detector makes one five to ten
// times slower.
const cancelPatience = 5 * time.Second
