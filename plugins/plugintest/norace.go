//go:build !race

package plugintest

import "time"

// cancelPatience is how long a cancelled Fit may go on: what the contract says.
const cancelPatience = time.Second
