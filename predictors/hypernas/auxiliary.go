package hypernas

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
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
// data_batch_*.bin of CIFAR-10's archive or of a folder. An error of a folder
// wraps [plugins.ErrOption]; cifar10 may be nil where there is no archive.
func newAuxiliary(ctx context.Context, value string, count int, seed uint64, cifar10 Archive) (*auxiliary, error) {
	if err := checkAuxiliary(value); err != nil {
		return nil, err
	}
	var all *batches
	var err error
	switch value {
	case auxGenerated:
		return generated(count, seed), nil
	case auxCIFAR10:
		all, err = readArchive(ctx, cifar10)
	default:
		all, err = readFolder(ctx, value)
	}
	if err == nil && all.images() < count {
		err = fmt.Errorf("%w: there are %d images in data_batch_*.bin, fewer than aux_pool=%d", plugins.ErrOption, all.images(), count)
	}
	if err != nil {
		return nil, fmt.Errorf("aux=%s: %w", value, err)
	}
	set := all.pick(rand.New(rand.NewPCG(seed, auxiliaryStream)).Perm(all.images())[:count])
	if value != auxCIFAR10 {
		set.note = fmt.Sprintf("aux: %d of %d images of a folder in which sha256sum data_batch_*.bin | sha256sum is %x", count, all.images(), all.digest())
	}
	return set, nil
}

// auxiliaryStream keeps the random numbers of this draw apart.
const auxiliaryStream = 0x68797005

// generated returns the first training images of a seed that the project
// generates. They come class after class.
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
	labels []uint8
	// sums is [images, color, 16, 16]: sums of 2 x 2 bytes, which are exact.
	sums []uint16
}

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
		return all.add(path.Base(name), bytes.NewReader(body), int64(len(body)))
	})
	if err != nil {
		return nil, err
	}
	return all.whole()
}

// readFolder reads the training batches in a folder. Errors wrap
// [plugins.ErrOption] but where ctx is done.
func readFolder(ctx context.Context, folder string) (*batches, error) {
	entries, err := os.ReadDir(folder)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", plugins.ErrOption, err)
	}
	var all batches
	for _, entry := range entries {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if !isBatch(entry.Name()) {
			continue
		}
		if err := all.addFile(filepath.Join(folder, entry.Name())); err != nil {
			return nil, fmt.Errorf("%w: %w", plugins.ErrOption, err)
		}
	}
	whole, err := all.whole()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", plugins.ErrOption, err)
	}
	return whole, nil
}

// isBatch reports whether a file of that name holds training images. The test
// images, in test_batch.bin, are never read.
func isBatch(name string) bool {
	return strings.HasPrefix(name, "data_batch_") && strings.HasSuffix(name, ".bin")
}

func (b *batches) addFile(name string) (err error) {
	// Opening a pipe would wait for whoever writes into it.
	info, err := os.Stat(name)
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return fmt.Errorf("%s is no regular file", filepath.Base(name))
	}
	file, err := os.Open(name)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	return b.add(filepath.Base(name), file, info.Size())
}

// add reads a file of about size bytes.
func (b *batches) add(name string, r io.Reader, size int64) error {
	// A batch of CIFAR-10 has 10,000 images; what claims to be larger grows as
	// it comes.
	room, sum := int(min(size/cifarRecord, 10000)), sha256.New()
	one := batch{name: name, labels: make([]uint8, 0, room), sums: make([]uint16, 0, room*cifarPixels)}
	buffered := bufio.NewReaderSize(io.TeeReader(r, sum), 1<<16)
	var record [cifarRecord]byte
	for {
		n, err := io.ReadFull(buffered, record[:])
		switch {
		case errors.Is(err, io.EOF):
			sum.Sum(one.digest[:0])
			*b = append(*b, one)
			return nil
		case errors.Is(err, io.ErrUnexpectedEOF):
			return fmt.Errorf("%s is cut short: after %d images of %d bytes it has %d bytes more", name, len(one.labels), cifarRecord, n)
		case err != nil:
			return fmt.Errorf("read %s: %w", name, err)
		case record[0] >= cifarClasses:
			return fmt.Errorf("%s is not in CIFAR-10's binary form: image %d, counted from 0, has label %d; labels are 0 to %d", name, len(one.labels), record[0], cifarClasses-1)
		}
		one.labels = append(one.labels, record[0])
		for color := range cifarColors {
			plane := record[1+color*cifarSide*cifarSide:]
			for y := range images.Side {
				for x := range images.Side {
					square := plane[2*y*cifarSide+2*x:]
					one.sums = append(one.sums, uint16(square[0])+uint16(square[1])+uint16(square[cifarSide])+uint16(square[cifarSide+1]))
				}
			}
		}
	}
}

// whole returns the batches, in the order of their names, or an error if there
// are no images.
func (b *batches) whole() (*batches, error) {
	if b.images() == 0 {
		return nil, errors.New("there are no images: no data_batch_*.bin, or all are empty")
	}
	slices.SortFunc(*b, func(x, y batch) int { return strings.Compare(x.name, y.name) })
	return b, nil
}

func (b *batches) images() int {
	n := 0
	for i := range *b {
		n += len((*b)[i].labels)
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
// each color standardized over the pixels of all images.
func (b *batches) pick(rows []int) *auxiliary {
	mean, sd := b.moments()
	set := &auxiliary{channels: 4 * cifarColors, classes: cifarClasses, pixels: make([]float32, 0, len(rows)*cifarPixels)}
	for _, row := range rows {
		k := 0
		for ; row >= len((*b)[k].labels); k++ {
			row -= len((*b)[k].labels)
		}
		set.labels = append(set.labels, (*b)[k].labels[row])
		for color := range cifarColors {
			plane := (*b)[k].sums[row*cifarPixels+color*images.Side*images.Side:]
			set.spaceToDepth(func(y, x int) float32 {
				return float32((float64(plane[y*images.Side+x]) - mean[color]) / sd[color])
			})
		}
	}
	return set
}

// moments returns the mean and the standard deviation of each color; the latter
// is 1 where all pixels are the same. Sums are those of integers, so they don't
// depend on the order.
func (b *batches) moments() (mean, sd [cifarColors]float64) {
	var sum, squares [cifarColors]uint64
	low, high := [cifarColors]uint16{math.MaxUint16, math.MaxUint16, math.MaxUint16}, [cifarColors]uint16{}
	for k := range *b {
		for i, v := range (*b)[k].sums {
			color := i / (images.Side * images.Side) % cifarColors
			sum[color] += uint64(v)
			squares[color] += uint64(v) * uint64(v)
			low[color], high[color] = min(low[color], v), max(high[color], v)
		}
	}
	n := float64(b.images() * images.Side * images.Side)
	for c := range mean {
		mean[c] = float64(sum[c]) / n
		sd[c] = 1
		if low[c] < high[c] {
			// The conversion keeps a compiler from fusing product and difference.
			sd[c] = math.Sqrt(float64(squares[c])/n - float64(mean[c]*mean[c]))
		}
	}
	return mean, sd
}
