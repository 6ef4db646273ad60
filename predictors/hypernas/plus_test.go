package hypernas_test

import (
	"testing"

	"github.com/hypernas/hypernas/plugins"
	"github.com/hypernas/hypernas/plugins/plugintest"
	"github.com/hypernas/hypernas/predictors/hypernas"
)

func createPlus() plugins.Predictor { return hypernas.NewPlus() }

func TestPlusConformance(t *testing.T) {
	plugintest.Predictor(t, createPlus, plugintest.With(map[string]string{"steps": "20", "members": "2", "trees": "20"}))
}
