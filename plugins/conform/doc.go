// Package conform checks that a predictor or a search space keeps the contract
// of package plugins. Package plugintest runs its checks in an author's tests,
// and the command "hypernas plugin check" over the process boundary.
//
// Predictors are checked on [Chains], a search space of 125 invented
// architectures.
package conform
