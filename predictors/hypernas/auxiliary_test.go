package hypernas

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/hypernas/hypernas/internal/images"
	"github.com/hypernas/hypernas/internal/nn/fuse"
	"github.com/hypernas/hypernas/internal/nn/kern"
	"github.com/hypernas/hypernas/plugins"
	"github.com/hypernas/hypernas/plugins/plugintest"
	"github.com/hypernas/hypernas/predictors/feature"
)

// invented returns a file in CIFAR-10's binary form, by the rule of
// testdata/auxiliary.py.
func invented(file, count int) []byte {
	var data []byte
	for i := range count {
		data = append(data, byte((7*i+file)%cifarClasses))
		for p := range cifarRecord - 1 {
			data = append(data, byte((p*p/7+13*p*(i+1)+101*i+29*file)%251))
		}
	}
	return data
}

// miniature is a folder of two training batches, of 7 and 5 images, and of what
// must not be read: test images that differ and a text.
func miniature() map[string][]byte {
	return map[string][]byte{
		"data_batch_1.bin": invented(1, 7),
		"data_batch_2.bin": invented(2, 5),
		"test_batch.bin":   invented(3, 4)[1:],
		"batches.meta.txt": []byte("airplane\n"),
	}
}

// write writes files into a folder of their own.
func write(t testing.TB, files map[string][]byte) string {
	t.Helper()
	folder := t.TempDir()
	for name, data := range files {
		if err := os.WriteFile(filepath.Join(folder, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return folder
}

// archive is the archive of files, as a registry hands it on: below a folder,
// and in no order.
func archive(files map[string][]byte) Archive {
	return func(each func(string, []byte) error) error {
		for _, name := range []string{"test_batch.bin", "data_batch_2.bin", "batches.meta.txt", "data_batch_1.bin"} {
			if err := each("cifar-10-batches-bin/"+name, files[name]); err != nil {
				return err
			}
		}
		return nil
	}
}

// inOrder returns all images of a folder, in order.
func inOrder(t testing.TB, folder string) (*batches, *auxiliary) {
	t.Helper()
	all, rows, err := readFolder(t.Context(), folder, func(images int) ([]int, error) {
		rows := make([]int, images)
		for i := range rows {
			rows[i] = i
		}
		return rows, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all, all.pick(rows)
}

// TestAuxiliaryReading compares the reading of CIFAR-10's form with numpy's, bit
// by bit.
func TestAuxiliaryReading(t *testing.T) {
	// Written by testdata/auxiliary.py.
	var want map[string]struct {
		Images                int
		Files, Labels, Pixels string
		Some                  [][5]float64
	}
	data, err := os.ReadFile("testdata/auxiliary.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, &want); err != nil {
		t.Fatal(err)
	}
	for name, folder := range map[string]string{
		"miniature": write(t, miniature()),
		"real":      filepath.Join("..", "..", "..", "shared", "cifar10"),
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := os.Stat(folder); err != nil {
				t.Skipf("no images of CIFAR-10 beside the project: %v", err)
			}
			all, got := inOrder(t, folder)
			want := want[name]
			for _, v := range want.Some {
				at := ((int(v[0])*got.channels+int(v[1]))*auxiliarySide+int(v[2]))*auxiliarySide + int(v[3])
				if float64(got.pixels[at]) != v[4] {
					t.Errorf("image, channel, row and column %v: got %v, want %v", v[:4], got.pixels[at], v[4])
				}
			}
			pixels, err := binary.Append(nil, binary.LittleEndian, got.pixels)
			if err != nil {
				t.Fatal(err)
			}
			for what, pair := range map[string][2]string{
				"pixels": {fmt.Sprintf("%x", sha256.Sum256(pixels)), want.Pixels},
				"labels": {fmt.Sprintf("%x", sha256.Sum256(got.labels)), want.Labels},
				"files":  {fmt.Sprintf("%x", all.digest()), want.Files},
			} {
				if pair[0] != pair[1] {
					t.Errorf("digest of the %s: got %s, want %s", what, pair[0], pair[1])
				}
			}
			if len(got.labels) != want.Images || got.channels != 12 || got.classes != 10 {
				t.Errorf("got %d images, %d channels, %d classes", len(got.labels), got.channels, got.classes)
			}
		})
	}
}

// TestAuxiliaryDraw: a draw takes each image at most once, by the seed alone; an
// archive and the folder that it unpacks to give the same.
func TestAuxiliaryDraw(t *testing.T) {
	folder := write(t, miniature())
	_, all := inOrder(t, folder)
	size := len(all.pixels) / len(all.labels)
	draw := func(value string, count int, seed uint64) *auxiliary {
		t.Helper()
		set, err := newAuxiliary(t.Context(), value, count, seed, archive(miniature()))
		if err != nil {
			t.Fatal(err)
		}
		return set
	}
	one := draw(folder, 12, 5)
	used := make(map[int]bool)
	for i := range one.labels {
		for k := range all.labels {
			if slices.Equal(one.pixels[i*size:(i+1)*size], all.pixels[k*size:(k+1)*size]) && one.labels[i] == all.labels[k] {
				used[k] = true
			}
		}
	}
	if len(used) != 12 {
		t.Errorf("a draw of 12 of 12 images has %d of them", len(used))
	}
	if other := draw(folder, 12, 6); slices.Equal(other.pixels, one.pixels) {
		t.Error("two seeds draw the same")
	}
	packed := draw("cifar10", 12, 5)
	if !slices.Equal(packed.pixels, one.pixels) || !slices.Equal(packed.labels, one.labels) {
		t.Error("the archive's draw is not the folder's")
	}
	if packed.note != "" || !strings.HasPrefix(one.note, "aux: 12 of 12 images of a folder ") {
		t.Errorf("notes: %q of the archive, %q of the folder", packed.note, one.note)
	}
	// An empty file adds nothing but its digest.
	files := miniature()
	files["data_batch_0.bin"] = nil
	if with := draw(write(t, files), 12, 5); !slices.Equal(with.pixels, one.pixels) || with.note == one.note {
		t.Error("an empty file changes the images, or leaves no trace")
	}
	few := draw(folder, 3, 5)
	if !slices.Equal(few.pixels, one.pixels[:3*size]) {
		t.Error("a shorter draw does not begin the longer one")
	}
}

// TestGeneratedAuxiliary: generated images are those that the project draws,
// with the pixels of each 2 x 2 square as channels.
func TestGeneratedAuxiliary(t *testing.T) {
	set, from := generated(20, 3), images.Train(20, 3)
	if !slices.Equal(set.labels, from.Labels) || set.channels != 4 {
		t.Fatalf("got %d channels, labels %v", set.channels, set.labels)
	}
	for i := range 20 {
		for y := range images.Side {
			for x := range images.Side {
				channel := y%2*2 + x%2
				got := set.pixels[((i*4+channel)*auxiliarySide+y/2)*auxiliarySide+x/2]
				if want := from.Pixels[(i*images.Side+y)*images.Side+x]; got != want {
					t.Fatalf("image %d, row %d, column %d: got %v, want %v", i, y, x, got, want)
				}
			}
		}
	}
}

// TestSetImages: lanes hold images, one each, in order.
func TestSetImages(t *testing.T) {
	folder := write(t, map[string][]byte{"data_batch_1.bin": invented(1, 3*kern.Lanes)})
	_, set := inOrder(t, folder)
	const from, count = kern.Lanes, 2 * kern.Lanes
	size := set.channels * auxiliarySide * auxiliarySide
	in := &inputs[float64]{images: make([]float64, count*size), classes: make([]float64, count)}
	in.setImages(set, from)
	for i := range count {
		if in.classes[i] != float64(set.labels[from+i]) {
			t.Fatalf("image %d has class %v", i, in.classes[i])
		}
		for p := range size {
			got := in.images[(i/kern.Lanes*size+p)*kern.Lanes+i%kern.Lanes]
			if want := float64(set.pixels[(from+i)*size+p]); got != want {
				t.Fatalf("image %d, pixel %d: got %v, want %v", i, p, got, want)
			}
		}
	}
}

// TestAuxiliaryMistakes: what is no set of images is refused in one line that
// says what is wrong.
func TestAuxiliaryMistakes(t *testing.T) {
	with := func(name string, data []byte) map[string][]byte {
		files := miniature()
		files[name] = data
		return files
	}
	bad := invented(2, 20) // with the others more than the 16 that are asked for
	bad[3*cifarRecord] = 10
	folder := func(files map[string][]byte) string { return write(t, files) }
	pipe := folder(miniature())
	if err := os.Mkdir(filepath.Join(pipe, "data_batch_3.bin"), 0o700); err != nil {
		t.Fatal(err)
	}
	missing := func(func(string, []byte) error) error {
		return fmt.Errorf("%w: fetch it with: hypernas data get cifar10", plugins.ErrDataMissing)
	}
	tests := map[string]struct {
		value string
		from  Archive
		is    error
		want  string
	}{
		"no such value":    {"cifar100", nil, plugins.ErrOption, "aux=cifar100; it takes generated, cifar10 or the absolute path of a folder"},
		"relative":         {"images/cifar", nil, plugins.ErrOption, "aux=images/cifar; it takes generated, cifar10 or the absolute path"},
		"nothing":          {"", nil, plugins.ErrOption, "aux=; it takes generated"},
		"not there":        {filepath.Join(t.TempDir(), "nowhere"), nil, plugins.ErrOption, "nowhere"},
		"a file":           {filepath.Join(folder(miniature()), "data_batch_1.bin"), nil, plugins.ErrOption, "data_batch_1.bin"},
		"empty":            {t.TempDir(), nil, plugins.ErrOption, "there are no images: no data_batch_*.bin, or all are empty"},
		"test images only": {folder(map[string][]byte{"test_batch.bin": invented(1, 20)}), nil, plugins.ErrOption, "there are no images"},
		"empty files":      {folder(map[string][]byte{"data_batch_1.bin": nil}), nil, plugins.ErrOption, "there are no images"},
		"cut short":        {folder(with("data_batch_2.bin", invented(2, 5)[:4*cifarRecord+100])), nil, plugins.ErrOption, "data_batch_2.bin is cut short: after 4 images of 3073 bytes it has 100 bytes more"},
		"label":            {folder(with("data_batch_2.bin", bad)), nil, plugins.ErrOption, "data_batch_2.bin is not in CIFAR-10's binary form: image 3, counted from 0, has label 10; labels are 0 to 9"},
		"no file":          {pipe, nil, plugins.ErrOption, "data_batch_3.bin is no regular file"},
		"too few":          {folder(miniature()), nil, plugins.ErrOption, "there are 12 images in data_batch_*.bin, fewer than aux_pool=16"},
		"no cache":         {"cifar10", nil, plugins.ErrDataMissing, "give the folder of the unpacked archive"},
		"not fetched":      {"cifar10", missing, plugins.ErrDataMissing, "aux=cifar10: data not present: fetch it with: hypernas data get cifar10"},
		"damaged archive":  {"cifar10", archive(with("data_batch_1.bin", invented(1, 7)[:100])), nil, "aux=cifar10: data_batch_1.bin is cut short"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			set, err := newAuxiliary(t.Context(), test.value, 16, 0, test.from)
			if set != nil || err == nil {
				t.Fatal("no error")
			}
			if test.is != nil && !errors.Is(err, test.is) || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("got %q, want one line with %q", err, test.want)
			}
		})
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, value := range []string{folder(miniature()), "cifar10"} {
		if _, err := newAuxiliary(ctx, value, 3, 0, archive(miniature())); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: got %v, want context.Canceled", value, err)
		}
	}
}

// TestOneColor: images of one gray have finite pixels.
func TestOneColor(t *testing.T) {
	_, set := inOrder(t, write(t, map[string][]byte{"data_batch_1.bin": bytes.Repeat([]byte{9}, 2*cifarRecord)}))
	if slices.ContainsFunc(set.pixels, func(v float32) bool { return v != 0 }) {
		t.Error("pixels that are all the same are not all 0")
	}
}

// TestFitOnFolder: Fit trains on a folder's images and says which they are, and
// reads none where there is no hypernetwork.
func TestFitOnFolder(t *testing.T) {
	training, _, _ := plugintest.Deal(t, 8)
	training.Log = slog.New(slog.DiscardHandler)
	fit := func(aux, hypernetwork string) (plugins.Fitted, []float64, error) {
		p := &Predictor{CIFAR10: archive(map[string][]byte{"data_batch_1.bin": invented(1, 20), "data_batch_2.bin": invented(2, 12)})}
		training.Options = map[string]string{"epochs": "2", "members": "1", "aux": aux, "aux_pool": "32", "hypernetwork": hypernetwork}
		fitted, err := p.Fit(t.Context(), training)
		if err != nil {
			return fitted, nil, err
		}
		values, err := p.Predict(t.Context(), &training.Batch)
		return fitted, values, err
	}
	folder := write(t, map[string][]byte{"data_batch_1.bin": invented(1, 20), "data_batch_2.bin": invented(2, 12)})
	fitted, unpacked, err := fit(folder, "true")
	if err != nil {
		t.Fatal(err)
	}
	if len(fitted.Warnings) != 1 || !strings.HasPrefix(fitted.Warnings[0], "aux: 32 of 32 images of a folder") {
		t.Errorf("got warnings %q", fitted.Warnings)
	}
	fitted, packed, err := fit("cifar10", "true")
	if err != nil || !slices.Equal(unpacked, packed) || len(fitted.Warnings) > 0 {
		t.Errorf("cifar10: got %v, %v, warnings %q, want the folder's predictions", packed, err, fitted.Warnings)
	}
	if _, drawn, err := fit("generated", "true"); err != nil || slices.Equal(unpacked, drawn) {
		t.Errorf("the images make no difference (%v)", err)
	}
	if _, _, err := fit("nowhere", "true"); !errors.Is(err, plugins.ErrOption) {
		t.Errorf("got %v, want ErrOption", err)
	}
}

// TestStemGradient compares the stem's gradient on images of 12 channels with
// central differences.
func TestStemGradient(t *testing.T) {
	slow(t)
	o := defaults()
	o.Width, o.Hidden, o.Layers, o.TargetWidth, o.TargetImages, o.Attached = 5, 4, 2, 2, 16, true
	training, _, _ := plugintest.Deal(t, 4)
	v := &training.Vocabulary
	r := newReader(v, true, training.Batch.Networks)
	nodes := feature.NewNodes(v, training.Batch.Networks, sequence)
	_, set := inOrder(t, write(t, map[string][]byte{"data_batch_1.bin": invented(1, 16)}))
	m := newModel[float64](&o, nodes.Dim(), r.proxy, set, rand.New(rand.NewPCG(1, 2)))
	tr, in, err := m.trainer(shape{networks: 4, cells: 2, nodes: 8}, fuse.NewAdam[float64](fuse.AdamOptions{Rate: fuse.Constant(0)}))
	if err != nil {
		t.Fatal(err)
	}
	for b := range 4 {
		net := r.read(&training.Batch.Networks[b])
		in.set(b, nodes, true, &net)
	}
	fuse.DropoutTo(in.dropout, rand.New(rand.NewPCG(3, 4)), 0)
	in.setImages(set, 0)
	evaluate := func() float64 {
		loss, err := tr.Evaluate()
		if err != nil {
			t.Fatal(err)
		}
		return loss
	}
	evaluate()
	gradient := slices.Clone(tr.Gradient(m.stem))
	if len(gradient) != 2*12*9 {
		t.Fatalf("the stem has %d weights", len(gradient))
	}
	for i := range gradient {
		const h = 1e-6 // so small that no rectifier changes sides
		x := m.stem.Data[i]
		m.stem.Data[i] = x + h
		up := evaluate()
		m.stem.Data[i] = x - h
		down := evaluate()
		m.stem.Data[i] = x
		if want := (up - down) / (2 * h); max(gradient[i]-want, want-gradient[i]) > 1e-6 {
			t.Errorf("weight %d: got %v, want %v", i, gradient[i], want)
		}
	}
}

// FuzzBatch: any bytes are images with a class each, or an error.
func FuzzBatch(f *testing.F) {
	f.Add(invented(1, 2))
	f.Add(invented(1, 1)[:3000])
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, data []byte) {
		var all batches
		err := all.add(t.Context(), "data_batch_1.bin", bytes.NewReader(data), func(int) bool { return true })
		if whole := len(data)%cifarRecord == 0; !whole && err == nil {
			t.Fatalf("%d bytes are no error", len(data))
		}
		if err != nil {
			return
		}
		if got, want := all.images(), len(data)/cifarRecord; got != want {
			t.Fatalf("got %d images, want %d", got, want)
		}
		rows := make([]int, all.images())
		for i := range rows {
			rows[i] = i
		}
		set := all.pick(rows)
		for i, label := range set.labels {
			if int(label) >= set.classes {
				t.Fatalf("image %d has label %d", i, label)
			}
		}
		for i, v := range set.pixels {
			// NaN is not in the range either. A pixel lies within sqrt(n) of the mean.
			if limit := float32(len(set.pixels)); !(v >= -limit && v <= limit) {
				t.Fatalf("pixel %d is %v", i, v)
			}
		}
	})
}
