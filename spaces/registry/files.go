package registry

import (
	"io"
	"slices"
	"strings"
)

// Set is the files of one search space, or of one collection of images.
type Set struct {
	Name     string
	Spaces   []string // names of the search spaces that read it, where they are not Name
	Summary  string
	Citation string
	Files    []File
}

// File is one public file.
type File struct {
	Name string // unique in its set
	// Path is where the file lies below a cache or a mirror. It follows from
	// the public address: github.com/OWNER/REPO/COMMIT/PATH, or host and path.
	Path string
	// Bytes is the file's size. It is about right where there is neither
	// SHA256 nor MD5, and exact elsewhere.
	Bytes int64
	// SHA256 is hexadecimal, and empty where nobody has published it: then it
	// is recorded when the file first enters the cache, MD5 or Check having
	// shown that it is whole, and compared from then on.
	SHA256  string
	MD5     string                  // hexadecimal, where SHA256 is empty
	Check   func(r io.Reader) error // where SHA256 is empty; reads to the end
	License string                  // what upstream states, or "not stated"
	Summary string
	// Optional says that the set works without the file.
	Optional bool
	// Explicit says that the file is fetched only when it is asked for by
	// name; see Wanted.
	Explicit bool
}

// exact reports whether Bytes is the size to the byte.
func (f *File) exact() bool { return f.SHA256 != "" || f.MD5 != "" }

// URL returns the file's public address.
func (f *File) URL() string {
	if rest, ok := strings.CutPrefix(f.Path, "github.com/"); ok {
		return "https://raw.githubusercontent.com/" + rest
	}
	return "https://" + f.Path
}

// notStated is the license of files whose repository states none.
const notStated = "not stated"

// Repositories, at the commits that hashes are pinned for.
const (
	accel       = "github.com/afzalxo/Accel-NASBench/42603572d530310e6bac7191d00cf45625a6b197/"
	naslib      = "github.com/automl/NASLib/"
	macro       = "github.com/xiusu/NAS-Bench-Macro/61a2bfc2ca0dce04d0997e6cf498047c27d6acf2/"
	nasbenchVis = "github.com/tiga1231/nasbench-vis/"
	natsCSV     = "github.com/v-tao/nats-bench-landscape/b307ae5fe6e8d7043cd4fe7d1c3532288271adb7/"
	oodVit      = "github.com/vovantuan1999a/OoD-ViT-NAS/037c8e0aeb053759cbbdd82c9bdab2dfb424aaa2/"
	tpe         = "github.com/nabenabe0928/constrained-tpe/2476ed022c56c07856d19dc9f7636d20453f008c/"
	yahpo       = "github.com/slds-lmu/yahpo_data/3a646b874bb2e3a9c10b58ae2f42158e3a54a811/"
)

// Sets returns every set, by name.
func Sets() []Set {
	autoformer := func(size string, bytes int64, sum string) File {
		return File{
			Name: size + ".json", Path: oodVit + "architecture_infors/1k_Vit_Architecture_from_AutoFM_" + size + ".json",
			Bytes: bytes, SHA256: sum, License: notStated,
			Summary: "1,001 vision transformers: ImageNet top-1 inherited from the supernet, parameters, FLOPs",
		}
	}
	return []Set{
		{
			Name:     "autoformer",
			Spaces:   []string{"autoformer-tiny", "autoformer-small", "autoformer-base"},
			Summary:  "vision transformers of AutoFormer's three supernets",
			Citation: "Chen et al., AutoFormer, ICCV 2021; Ho et al., Vision Transformer Neural Architecture Search for Out-of-Distribution Generalization, NeurIPS 2024",
			Files: []File{
				autoformer("tiny", 391651, "5e07b49782d4f808c81fa565bcff5432293f832b8822224469f69edb380a1e70"),
				autoformer("small", 358361, "d70fb30822848d71ce88efcff071973dce7f2256bc1a5eb663fcc138ca6ee789"),
				autoformer("base", 393335, "b7ab49e1411c890f4372a50552c98b7589e75e66b4b42274738a1e07e2cc03ff"),
			},
		},
		{
			Name:     "cifar10",
			Summary:  "CIFAR-10's 60,000 images, in the official binary format",
			Citation: "Krizhevsky, Learning Multiple Layers of Features from Tiny Images, 2009",
			Files: []File{
				{Name: "cifar-10-binary.tar.gz", Path: "www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz", Bytes: 170052171, MD5: "c32a1d4ab5d03f1284b67883e8d87530", License: notStated, Explicit: true, Summary: "five batches of 10,000 training images and one of test images"},
			},
		},
		{
			Name:     "darts",
			Summary:  "DARTS genotypes, valued by surrogates of NAS-Bench-301",
			Citation: "Zela et al., Surrogate NAS Benchmarks, ICLR 2022; Pfisterer et al., YAHPO Gym, AutoML 2022",
			Files: []File{
				{Name: "surrogate.onnx", Path: yahpo + "nb301/new_model.onnx", Bytes: 2578406, SHA256: "3c6a6fb3a70998bf6c55883bdc5cc71cff190e1859468d72cc6960b88f06d280", License: "Apache-2.0", Summary: "a neural surrogate of NAS-Bench-301: genotype and epoch to validation accuracy and runtime"},
				{Name: "encoding.json", Path: yahpo + "nb301/encoding.json", Bytes: 6706, SHA256: "b16bb8db9aa5a9b688cd97e782643abe96bd166baa445675f57cbcf5e6128a98", License: "Apache-2.0", Summary: "codes of the surrogate's categories"},
				{Name: "xgb_725.json", Path: naslib + "6639fd1579010457885c641553c55b0c153045aa/naslib/data/zc_nasbench301.json", Bytes: 820765, SHA256: "537e9abd6f0b14fdffdfcb3c07b18a037647b5c80808b3b2cf9a51b1b491aba1", License: "Apache-2.0", Summary: "725 genotypes with the XGBoost surrogate's accuracy and zero-cost proxies"},
				{Name: "xgb_500.json", Path: naslib + "0b116007d41832a6c52a7cfbb91c00d9b9aef7a3/naslib/data/zc_nasbench301.json", Bytes: 240552, SHA256: "e47e258b95f63f85a6917dfc5814f5b42f793d7ef8f9a00e66689783e43affac", License: "Apache-2.0", Summary: "500 genotypes with the XGBoost surrogate's accuracy and zero-cost proxies"},
			},
		},
		{
			Name:     "macro",
			Summary:  "all 6,561 networks of NAS-Bench-Macro on CIFAR-10",
			Citation: "Su et al., Prioritized Architecture Sampling with Monto-Carlo Tree Search, CVPR 2021",
			Files: []File{
				{Name: "macro.json", Path: macro + "data/nas-bench-macro_cifar10.json", Bytes: 1178821, SHA256: "686dee8363cc21cca8c1f321ad5749454f2d9b9ca5972682e137e539bc522297", License: "Apache-2.0", Summary: "three test accuracies a network, parameters, FLOPs"},
			},
		},
		{
			Name:     "mnasnet",
			Summary:  "mobile networks of Accel-NASBench on ImageNet",
			Citation: "Ahmad et al., Accel-NASBench, DAC 2024",
			Files: []File{
				{Name: "accel.tar.gz", Path: accel + "anb_dataset/anb_dataset_jsons.tar.gz", Bytes: 1173570, SHA256: "3520992d42e368b7c08c99fc3f6612855b5b366bf98668a7f19d49f3131aa4ae", License: "Apache-2.0", Summary: "5,138 trainings: top-1, top-5, MACs, parameters, latency and throughput of devices"},
			},
		},
		{
			Name:     "nasbench101",
			Summary:  "30,001 of NAS-Bench-101's modules on CIFAR-10",
			Citation: "Ying et al., NAS-Bench-101, ICML 2019",
			Files: []File{
				{Name: "data-20k.json", Path: nasbenchVis + "b85bd62ed10fdf6bc085dcaec8928ca918aa451f/static/data/data-20k.json", Bytes: 2862972, SHA256: "7eaca9658aebf16443d3df5b38e61fe75d85787abc485cfc9a2088328443c3e9", License: "ISC", Summary: "20,000 modules by hash: validation accuracy at 4, 12, 36 and 108 epochs, training time, parameters"},
				{Name: "data-10k.json", Path: nasbenchVis + "b85bd62ed10fdf6bc085dcaec8928ca918aa451f/static/data/data-10k.json", Bytes: 1430567, SHA256: "2c4c46e44c8ed252f7118d7a73304137ea0a6fa26377e6795baf985369ff3c09", License: "ISC", Summary: "10,001 more"},
				{Name: "data-1k.json", Path: nasbenchVis + "a6f5839685f73057a7bca277b9ee5e36276d0bdf/static/data/data-1k.json", Bytes: 1073227, SHA256: "97508235d7b6e1e4cee998629e87ec661d9a27ca882cc31f1503126340d6f1f2", License: "ISC", Optional: true, Summary: "the first 1,000 with their graphs, to check the enumeration by"},
				{Name: "zerocost.json", Path: naslib + "0b116007d41832a6c52a7cfbb91c00d9b9aef7a3/naslib/data/zc_nasbench101.json", Bytes: 259564, SHA256: "c34840bc9af68b6ebaa7f052e42c1749a9a737d7243078be2a5548052bc5a0c2", License: "Apache-2.0", Optional: true, Summary: "500 modules with zero-cost proxies"},
				{Name: "nasbench_only108.tfrecord", Path: "storage.googleapis.com/nasbench/nasbench_only108.tfrecord", Bytes: 499e6, Check: checkTFRecord, License: "Apache-2.0", Optional: true, Explicit: true, Summary: "the official file: all 423,624 modules, three trainings of 108 epochs each"},
			},
		},
		{
			Name:     "nasbench201",
			Summary:  "all 15,625 cells of NAS-Bench-201 on three image sets",
			Citation: "Dong and Yang, NAS-Bench-201, ICLR 2020; Dong et al., NATS-Bench, TPAMI 2021",
			Files: []File{
				{Name: "nats_bench.csv", Path: natsCSV + "nats_bench.csv", Bytes: 3024008, SHA256: "cb5d777ec3368be83c8f9b3aa4d520696051cb0eb8d94b8f85b519f9ea4afa3e", License: notStated, Summary: "mean test accuracies at 200 epochs in NATS-Bench's order"},
				{Name: "zen.zip", Path: naslib + "8c45f19dc259956c3bd253071135c798ad3df8ce/run/results/benchmarks/nb201_zen.zip", Bytes: 1661280, SHA256: "6c9aec8cd0c235d7b7a37a27f224bb719e7376e8048f2dd6d91bc06dcfcc2a2e", License: "Apache-2.0", Summary: "validation accuracies of single runs and Zen scores"},
				{Name: "metric_vals.pkl", Path: tpe + "targets/nasbench201/metric_vals.pkl", Bytes: 2838764, SHA256: "f912d67de5e800e7121bb9faecf596aa2a9b950d0b8432493a85607c224a2228", License: "Apache-2.0", Optional: true, Summary: "loss, run time and size of every training seed"},
			},
		},
		{
			Name:     "transnas",
			Summary:  "all 4,096 cells of TransNAS-Bench-101's micro space on seven tasks",
			Citation: "Duan et al., TransNAS-Bench-101, CVPR 2021",
			Files: []File{
				{Name: "zen.zip", Path: naslib + "ba4ffd845db508e475085f48f3bd3f40af05b551/naslib/data/zc_benchmarks/all_benchmarks_zen.zip", Bytes: 1016797, SHA256: "d70d3ddcda2264806a467d3fb3840e8ce04c5b0129776110a62018ea68e6d7f2", License: "Apache-2.0", Summary: "final validation metrics of seven tasks and Zen scores"},
			},
		},
	}
}

// Lookup returns the set called name, or the one that the search space called
// name reads.
func Lookup(name string) (Set, bool) {
	for _, s := range Sets() {
		if s.Name == name || slices.Contains(s.Spaces, name) {
			return s, true
		}
	}
	return Set{}, false
}

// Wanted returns the files that are fetched when the set is asked for by its
// name: all but the explicit ones, or those where there are no others.
func (s *Set) Wanted() []*File {
	var files []*File
	for i := range s.Files {
		if !s.Files[i].Explicit {
			files = append(files, &s.Files[i])
		}
	}
	if files == nil {
		for i := range s.Files {
			files = append(files, &s.Files[i])
		}
	}
	return files
}

// File returns the file called name, or nil.
func (s *Set) File(name string) *File {
	for i := range s.Files {
		if s.Files[i].Name == name {
			return &s.Files[i]
		}
	}
	return nil
}
