package hypernas

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/hypernas/hypernas/internal/images"
	"github.com/hypernas/hypernas/internal/nn/kern"
	"github.com/hypernas/hypernas/plugins"
)

// auxiliary is D_aux: images of 16 x 16 pixels with their classes, as target
// networks see them. Space-to-depth makes the four pixels of each 2 x 2 square
// channels of one pixel, so that target networks work on 8 x 8 of them.
type auxiliary struct {
	channels int // four of each color
	classes  int
	pixels   []float32 // [images, channels, 8, 8]
	labels   []uint8   // [images], below classes
	// note says of a folder's images which they are; "" where the option's
	// value says all.
	note string
}

// auxiliarySide is the width of an image after space-to-depth.
const auxiliarySide = images.Side / 2

// auxiliarySeed draws D_aux. It is the same in all trials: D_aux is a part of
// the method, as a data set is, and what differs between the seeds of a plan is
// labels and weights. So trials with generated and with real images differ in
// nothing else, and a folder has one note in all of a run's records.
const auxiliarySeed = 0

// Values of the option aux; any other is a folder.
const (
	auxGenerated = "generated"
	auxCIFAR10   = "cifar10"
)

// Archive hands each file of the official archive of CIFAR-10's binary form,
// cifar-10-binary.tar.gz, to each, in any order. Its error wraps
// [plugins.ErrDataMissing] where the archive has to be fetched first, and says
// how.
type Archive func(each func(name string, body []byte) error) error

// checkAuxiliary returns an error wrapping [plugins.ErrOption] if the option aux
// has no value that newAuxiliary takes. It reads nothing.
func checkAuxiliary(value string) error {
	// A predictor's process works in a scratch folder: what is relative to it
	// would not be what the user means.
	if value == auxGenerated || value == auxCIFAR10 || filepath.IsAbs(value) {
		return nil
	}
	return fmt.Errorf("%w: aux=%s; it takes %s, %s or the absolute path of a folder that holds data_batch_*.bin", plugins.ErrOption, value, auxGenerated, auxCIFAR10)
}

// newAuxiliary returns count images of what the option aux names: generated
// ones; or images drawn by seed, each at most once, from the training batches
// data_batch_*.bin of CIFAR-10's archive or of a folder. An error of what a folder
// holds wraps [plugins.ErrOption]; cifar10 may be nil where there is no archive.
func newAuxiliary(ctx context.Context, value string, count int, seed uint64, cifar10 Archive) (*auxiliary, error) {
	if err := checkAuxiliary(value); err != nil {
		return nil, err
	}
	if value == auxGenerated {
		return generated(count, seed), nil
	}
	var all *batches
	var rows []int
	draw := func(images int) ([]int, error) {
		switch {
		case images == 0:
			return nil, fmt.Errorf("%w: there are no images: no data_batch_*.bin, or all are empty", plugins.ErrOption)
		case images < count:
			return nil, fmt.Errorf("%w: there are %d images in data_batch_*.bin, fewer than aux_pool=%d", plugins.ErrOption, images, count)
		case images > mostImages:
			return nil, fmt.Errorf("%w: there are %d images in data_batch_*.bin, more than %d", plugins.ErrOption, images, mostImages)
		}
		return rand.New(rand.NewPCG(seed, auxiliaryStream)).Perm(images)[:count], nil
	}
	var err error
	if value == auxCIFAR10 {
		if all, err = readArchive(ctx, cifar10); err == nil {
			rows, err = draw(all.images())
		}
	} else {
		all, rows, err = readFolder(ctx, value, draw)
	}
	if err != nil {
		return nil, fmt.Errorf("aux=%s: %w", value, err)
	}
	set := all.pick(rows)
	if value != auxCIFAR10 {
		set.note = fmt.Sprintf("aux: %d of %d images of a folder in which sha256sum data_batch_*.bin | sha256sum is %x", count, all.images(), all.digest())
	}
	return set, nil
}

// mostImages is how many images a folder may hold: all are read, for the moments
// of their colors and for the folder's digest.
const mostImages = 1 << 20

// digest stands for all images and their classes; zeros where there are none.
func (a *auxiliary) digest() (d [sha256.Size]byte) {
	if a == nil {
		return d
	}
	h := sha256.New()
	h.Write(binary.LittleEndian.AppendUint64(nil, uint64(a.channels)))
	h.Write(binary.LittleEndian.AppendUint64(nil, uint64(a.classes)))
	h.Write(a.labels)
	var word [4]byte
	for _, x := range a.pixels {
		h.Write(binary.LittleEndian.AppendUint32(word[:0], math.Float32bits(x)))
	}
	h.Sum(d[:0])
	return d
}

// auxiliaryStream keeps the random numbers of this draw apart.
const auxiliaryStream = 0x68797005

// generated returns the first training images of a seed that the project
// generates. Classes take turns.
func generated(count int, seed uint64) *auxiliary {
	from := images.Train(count, seed)
	set := &auxiliary{channels: 4, classes: images.Classes, labels: from.Labels, pixels: make([]float32, 0, len(from.Pixels))}
	for i := range from.Len() {
		image := from.Pixels[i*images.Side*images.Side:]
		set.spaceToDepth(func(y, x int) float32 { return image[y*images.Side+x] })
	}
	return set
}

// spaceToDepth adds one color of an image, which has [images.Side] rows and
// columns.
func (a *auxiliary) spaceToDepth(pixel func(y, x int) float32) {
	for part := range 4 {
		for y := range auxiliarySide {
			for x := range auxiliarySide {
				a.pixels = append(a.pixels, pixel(2*y+part/2, 2*x+part%2))
			}
		}
	}
}

// setImages writes auxiliary images, count of which start at image from.
func (in *inputs[T]) setImages(set *auxiliary, from int) {
	const area = auxiliarySide * auxiliarySide
	at := 0
	for block := range len(in.classes) / kern.Lanes {
		own := set.pixels[(from+block*kern.Lanes)*set.channels*area:]
		for i := range set.channels * area {
			for lane := range kern.Lanes {
				in.images[at] = T(own[lane*set.channels*area+i])
				at++
			}
		}
	}
	for i := range in.classes {
		in.classes[i] = T(set.labels[from+i])
	}
}

// The binary form of CIFAR-10 (https://www.cs.toronto.edu/~kriz/cifar.html):
// records of one byte, the label, and the red, the green and the blue plane of
// 32 x 32 bytes, row by row.
const (
	cifarSide    = 32
	cifarColors  = 3
	cifarClasses = 10
	cifarRecord  = 1 + cifarColors*cifarSide*cifarSide
	// cifarPixels is the size of an image in batches.
	cifarPixels = cifarColors * images.Side * images.Side
)

// batches are files of CIFAR-10's form, at half their resolution: 16 x 16
// pixels as the generated images have, which go into 12 channels of 8 x 8.
// Averages of 4 x 4, in 3 channels of 8 x 8, would lose three quarters of what
// this keeps, for a saving in the stem alone.
type batches []batch

type batch struct {
	name   string
	digest [sha256.Size]byte
	count  int
	// kept are the numbers of the images that are kept, rising.
	kept   []int
	labels []uint8 // of those kept
	// sums is [kept, color, 16, 16]: sums of 2 x 2 bytes, which are exact.
	sums  []uint16
	color [cifarColors]moments // of all images
}

// moments sums up integers, so that their order doesn't matter.
type moments struct {
	sum, squares uint64
	low, high    uint16
}

func (m *moments) add(v uint16) {
	m.sum += uint64(v)
	m.squares += uint64(v) * uint64(v)
	m.low, m.high = min(m.low, v), max(m.high, v)
}

// errForm says that a file is not in CIFAR-10's form.
var errForm = errors.New("not in CIFAR-10's binary form")

// readArchive reads the training batches of CIFAR-10's archive.
func readArchive(ctx context.Context, cifar10 Archive) (*batches, error) {
	if cifar10 == nil {
		return nil, fmt.Errorf("%w: there is no cache of data here; give the folder of the unpacked archive", plugins.ErrDataMissing)
	}
	var all batches
	err := cifar10(func(name string, body []byte) error {
		if !isBatch(path.Base(name)) || ctx.Err() != nil {
			return ctx.Err()
		}
		return all.add(ctx, path.Base(name), bytes.NewReader(body), func(int) bool { return true })
	})
	if err != nil {
		return nil, err
	}
	slices.SortFunc(all, func(x, y batch) int { return strings.Compare(x.name, y.name) })
	return &all, nil
}

// readFolder reads the training batches in a folder, in the order of their
// names, and keeps the images that draw chooses of so many, which it returns,
// too. Errors of what is there wrap [plugins.ErrOption].
func readFolder(ctx context.Context, folder string, draw func(images int) ([]int, error)) (*batches, []int, error) {
	names, counts, err := countFolder(folder)
	if err != nil {
		return nil, nil, fmt.Errorf("%w: %w", plugins.ErrOption, err)
	}
	total := 0
	for _, n := range counts {
		total += n
	}
	rows, err := draw(total)
	if err != nil {
		return nil, nil, err
	}
	drawn := make(map[int]bool, len(rows))
	for _, row := range rows {
		drawn[row] = true
	}
	var all batches
	for i, name := range names {
		before := all.images()
		err := all.addFile(ctx, filepath.Join(folder, name), func(image int) bool { return drawn[before+image] })
		switch {
		case errors.Is(err, errForm):
			return nil, nil, fmt.Errorf("%w: %w", plugins.ErrOption, err)
		case err != nil:
			return nil, nil, err
		case all.images()-before != counts[i]:
			return nil, nil, fmt.Errorf("%s changed while it was read", name)
		}
	}
	return &all, rows, nil
}

// countFolder returns the names of the training batches in a folder, in order,
// and how many images each has by its size.
func countFolder(folder string) (names []string, counts []int, err error) {
	entries, err := os.ReadDir(folder)
	if err != nil {
		return nil, nil, err
	}
	for _, entry := range entries {
		if !isBatch(entry.Name()) {
			continue
		}
		// Opening a pipe would wait for whoever writes into it.
		info, err := os.Stat(filepath.Join(folder, entry.Name()))
		if err != nil {
			return nil, nil, err
		}
		if !info.Mode().IsRegular() {
			return nil, nil, fmt.Errorf("%s is no regular file", entry.Name())
		}
		count, rest := info.Size()/cifarRecord, info.Size()%cifarRecord
		if rest > 0 {
			return nil, nil, cutShort(entry.Name(), int(count), int(rest))
		}
		names, counts = append(names, entry.Name()), append(counts, int(count))
	}
	return names, counts, nil
}

func cutShort(name string, images, rest int) error {
	return fmt.Errorf("%s is cut short: after %d images of %d bytes it has %d bytes more", name, images, cifarRecord, rest)
}

// isBatch reports whether a file of that name holds training images. The test
// images, in test_batch.bin, are never read.
func isBatch(name string) bool {
	return strings.HasPrefix(name, "data_batch_") && strings.HasSuffix(name, ".bin")
}

func (b *batches) addFile(ctx context.Context, name string, keep func(image int) bool) (err error) {
	file, err := os.Open(name)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	return b.add(ctx, filepath.Base(name), file, keep)
}

// add reads a file and keeps those of its images for which keep says so, asked in
// order.
func (b *batches) add(ctx context.Context, name string, r io.Reader, keep func(image int) bool) error {
	sum := sha256.New()
	one := batch{name: name}
	for c := range one.color {
		one.color[c].low = math.MaxUint16
	}
	buffered := bufio.NewReaderSize(io.TeeReader(r, sum), 1<<16)
	var record [cifarRecord]byte
	var small [cifarPixels]uint16
	for ; ; one.count++ {
		if one.count%1024 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		n, err := io.ReadFull(buffered, record[:])
		switch {
		case errors.Is(err, io.EOF):
			sum.Sum(one.digest[:0])
			*b = append(*b, one)
			return nil
		case errors.Is(err, io.ErrUnexpectedEOF):
			return cutShort(name, one.count, n)
		case err != nil:
			return fmt.Errorf("read %s: %w", name, err)
		case record[0] >= cifarClasses:
			return fmt.Errorf("%s is %w: image %d, counted from 0, has label %d; labels are 0 to %d", name, errForm, one.count, record[0], cifarClasses-1)
		}
		at := 0
		for color := range cifarColors {
			plane := record[1+color*cifarSide*cifarSide:]
			for y := range images.Side {
				for x := range images.Side {
					square := plane[2*y*cifarSide+2*x:]
					small[at] = uint16(square[0]) + uint16(square[1]) + uint16(square[cifarSide]) + uint16(square[cifarSide+1])
					one.color[color].add(small[at])
					at++
				}
			}
		}
		if keep(one.count) {
			one.kept, one.labels, one.sums = append(one.kept, one.count), append(one.labels, record[0]), append(one.sums, small[:]...)
		}
	}
}

func (b *batches) images() int {
	n := 0
	for i := range *b {
		n += (*b)[i].count
	}
	return n
}

// digest is what sha256sum data_batch_*.bin | sha256sum prints in the folder.
func (b *batches) digest() [sha256.Size]byte {
	var list []byte
	for i := range *b {
		list = fmt.Appendf(list, "%x  %s\n", (*b)[i].digest, (*b)[i].name)
	}
	return sha256.Sum256(list)
}

// pick returns the images of the given numbers, counted through all batches,
// which must have been kept, each color standardized over the pixels of all
// images.
func (b *batches) pick(rows []int) *auxiliary {
	mean, sd := b.moments()
	set := &auxiliary{channels: 4 * cifarColors, classes: cifarClasses, pixels: make([]float32, 0, len(rows)*cifarPixels)}
	for _, row := range rows {
		k := 0
		for ; row >= (*b)[k].count; k++ {
			row -= (*b)[k].count
		}
		at, ok := slices.BinarySearch((*b)[k].kept, row)
		if !ok {
			panic("hypernas: an image is picked that was not kept")
		}
		set.labels = append(set.labels, (*b)[k].labels[at])
		for color := range cifarColors {
			plane := (*b)[k].sums[at*cifarPixels+color*images.Side*images.Side:]
			set.spaceToDepth(func(y, x int) float32 {
				return float32((float64(plane[y*images.Side+x]) - mean[color]) / sd[color])
			})
		}
	}
	return set
}

// moments returns the mean and the standard deviation of each color; the latter
// is 1 where all pixels are the same.
func (b *batches) moments() (mean, sd [cifarColors]float64) {
	n := float64(b.images() * images.Side * images.Side)
	for c := range mean {
		all := moments{low: math.MaxUint16}
		for k := range *b {
			m := &(*b)[k].color[c]
			all.sum, all.squares = all.sum+m.sum, all.squares+m.squares
			all.low, all.high = min(all.low, m.low), max(all.high, m.high)
		}
		mean[c] = float64(all.sum) / n
		sd[c] = 1
		if all.low < all.high {
			// The conversion keeps a compiler from fusing product and difference.
			sd[c] = math.Sqrt(float64(all.squares)/n - float64(mean[c]*mean[c]))
		}
	}
	return mean, sd
}
