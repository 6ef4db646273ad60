package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/hypernas/hypernas/plugins"
	"github.com/hypernas/hypernas/predictors/arch2vec"
	"github.com/hypernas/hypernas/predictors/brpnas"
	"github.com/hypernas/hypernas/predictors/flow"
	"github.com/hypernas/hypernas/predictors/forest"
	"github.com/hypernas/hypernas/predictors/gbdt"
	"github.com/hypernas/hypernas/predictors/gp"
	"github.com/hypernas/hypernas/predictors/hypernas"
	"github.com/hypernas/hypernas/predictors/knn"
	"github.com/hypernas/hypernas/predictors/mlp"
	"github.com/hypernas/hypernas/predictors/nao"
	"github.com/hypernas/hypernas/predictors/np"
	"github.com/hypernas/hypernas/predictors/number"
	"github.com/hypernas/hypernas/predictors/random"
	"github.com/hypernas/hypernas/predictors/ridge"
	"github.com/hypernas/hypernas/predictors/transformer"
	"github.com/hypernas/hypernas/spaces/autoformer"
	"github.com/hypernas/hypernas/spaces/bundled"
	"github.com/hypernas/hypernas/spaces/darts"
	"github.com/hypernas/hypernas/spaces/macro"
	"github.com/hypernas/hypernas/spaces/mnasnet"
	"github.com/hypernas/hypernas/spaces/nasbench101"
	"github.com/hypernas/hypernas/spaces/nasbench201"
	"github.com/hypernas/hypernas/spaces/registry"
	"github.com/hypernas/hypernas/spaces/table"
	"github.com/hypernas/hypernas/spaces/transnas"
)

// builtin is a plugin that this executable serves itself.
type builtin[P any] struct {
	name   string
	create func() P
}

func builtinSpaces() []builtin[plugins.Space] {
	files := registry.User()
	return []builtin[plugins.Space]{
		{"bundled", func() plugins.Space { return bundled.New() }},
		{"nasbench101", func() plugins.Space { return nasbench101.New(files) }},
		{"nasbench201", func() plugins.Space { return nasbench201.New(files) }},
		{"darts", func() plugins.Space { return darts.New(files) }},
		{"macro", func() plugins.Space { return macro.New(files) }},
		{"mnasnet", func() plugins.Space { return mnasnet.New(files) }},
		{"autoformer-tiny", func() plugins.Space { return autoformer.New(files, autoformer.Tiny) }},
		{"autoformer-small", func() plugins.Space { return autoformer.New(files, autoformer.Small) }},
		{"autoformer-base", func() plugins.Space { return autoformer.New(files, autoformer.Base) }},
		{"transnas", func() plugins.Space { return transnas.New(files) }},
		{"table", func() plugins.Space { return table.New() }},
	}
}

func builtinPredictors() []builtin[plugins.Predictor] {
	return []builtin[plugins.Predictor]{
		{"random", func() plugins.Predictor { return random.New() }},
		{"params", func() plugins.Predictor { return number.Params() }},
		{"flops", func() plugins.Predictor { return number.FLOPs() }},
		{"zerocost", func() plugins.Predictor { return number.Proxy() }},
		{"ridge", func() plugins.Predictor { return ridge.New() }},
		{"knn", func() plugins.Predictor { return knn.New() }},
		{"forest", func() plugins.Predictor { return forest.New() }},
		{"extratrees", func() plugins.Predictor { return forest.NewExtra() }},
		{"gbdt", func() plugins.Predictor { return gbdt.New() }},
		{"gp", func() plugins.Predictor { return gp.NewIsotropic() }},
		{"gp-ard", func() plugins.Predictor { return gp.NewARD() }},
		{"gp-warp", func() plugins.Predictor { return gp.NewWarp() }},
		{"gp-wl", func() plugins.Predictor { return gp.NewLehman() }},
		{"mlp", func() plugins.Predictor { return mlp.New() }},
		{"bananas", func() plugins.Predictor { return mlp.NewBananas() }},
		{"np", func() plugins.Predictor { return np.New() }},
		{"nao", func() plugins.Predictor { return nao.New() }},
		{"brpnas", func() plugins.Predictor { return brpnas.New() }},
		{"tnasp", func() plugins.Predictor { return transformer.NewTNASP() }},
		{"pinat", func() plugins.Predictor { return transformer.NewPINAT() }},
		{"gates", func() plugins.Predictor { return flow.NewGATES() }},
		{"flan", func() plugins.Predictor { return flow.NewFLAN() }},
		{"arch2vec", func() plugins.Predictor { return arch2vec.New() }},
		{"hypernas", func() plugins.Predictor { return &hypernas.Predictor{CIFAR10: cifar10(registry.User())} }},
		{"hypernas-plus", func() plugins.Predictor { return &hypernas.Plus{CIFAR10: cifar10(registry.User())} }},
	}
}

// cifar10 returns CIFAR-10's archive as files holds it. A predictor's process
// finds the cache as every process does: XDG_CACHE_HOME and HOME are passed on.
func cifar10(files registry.Source) hypernas.Archive {
	// The archive holds 60,000 images of 3,073 bytes and a few short texts.
	const most = 200 << 20
	return func(each func(name string, body []byte) error) error {
		data, err := files.Read("cifar10", "cifar-10-binary.tar.gz")
		if err != nil {
			return err
		}
		return registry.TarGz(data, most, each)
	}
}

// find returns the built-in plugin called name.
func find[P any](list []builtin[P], name string) (builtin[P], bool) {
	for _, b := range list {
		if b.name == name {
			return b, true
		}
	}
	return builtin[P]{}, false
}

// names lists the built-in plugins for an error message.
func names[P any](list []builtin[P]) string {
	all := make([]string, len(list))
	for i, b := range list {
		all[i] = b.name
	}
	return strings.Join(all, ", ")
}

// describer is what spaces and predictors have in common.
type describer interface {
	Describe(ctx context.Context) (plugins.Description, error)
}

// describe returns what the built-in plugin says of itself; no process is
// started for it.
func describe[P describer](ctx context.Context, b builtin[P]) (plugins.Description, error) {
	d, err := b.create().Describe(ctx)
	if err != nil {
		return d, fmt.Errorf("describe %s: %w", b.name, err)
	}
	return d, nil
}
