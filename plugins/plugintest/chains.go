package plugintest

import "github.com/hypernas/hypernas/plugins/conform"

// Chains is the search space that predictors are checked on: see
// [conform.Chains].
type Chains = conform.Chains

// NewChains returns the space; it has to be opened like any other.
func NewChains() *Chains { return conform.NewChains() }
