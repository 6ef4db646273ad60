// Package plugintest checks that a predictor or a search space keeps the
// contract of package plugins. A plugin's test is one call:
//
//	func TestContract(t *testing.T) {
//		plugintest.Predictor(t, func() plugins.Predictor { return New() })
//	}
//
// Calls go over gRPC, as they do in use, within the test's process. The checks
// are those of package conform, which "hypernas plugin check" makes over the
// process boundary. Predictors work on [Chains], a search space of 125 invented
// architectures, which serves other tests as well.
package plugintest
