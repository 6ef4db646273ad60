// Package hypernas is HyperNAS (Lv et al., arXiv 2509.18151): a performance
// predictor whose graph encoder is trained by two tasks at once, regression on
// the few labels and, without labels, generating weights with which the
// architectures classify images. Its code was never published; this package
// follows the paper and names every choice that the paper leaves open.
//
// # The parts
//
// Encoder G (paper). A network is its sequence of cells, each a directed acyclic
// graph. Node features go through a linear layer to the encoder's width (open in
// the paper) and three bidirectional graph layers,
// V' = 1/2 ReLU(E V W+) + 1/2 ReLU(E' V W-). All cells share the encoder.
//
// Global encoding (paper). Before the layers, the nodes of cell i are increased
// by z^(i-1), the pooled nodes of cell i-1, with z^0 = 0. The network's embedding
// is h = mean_i z^(i), and a regressor f(h) predicts the label by squared error.
// global=positional is the paper's variant that adds a sinusoidal code of the
// cell's position instead, global=off adds nothing.
//
// Hypernetwork H (paper). A perceptron with one head for each kernel size maps a
// node's encoding to the weights of its operation, a fixed number of them: C*C*k*k
// for a convolution of C channels. Kinds of operation have heads of their own
// (ours; see below). The target network, made of those weights, classifies
// auxiliary images, and the gradient of its cross-entropy reaches H and G. At
// prediction H is off; export=FOLDER writes the weights that it generates for the
// labelled architectures, as an initialization.
//
// Adaptive loss (paper). L = sum_t L_t^(q-1)/(2 u_t^2) L_t + ln(1 + u_t^2) over
// both tasks, with learned u and q = 1.5. Whether the gradient passes through
// the power is open in the paper; by default it doesn't (attached=true lets it).
// loss=sum is the plain sum of both.
//
// # Target networks
//
// The paper has cells of convolutions and poolings. Here one set of rules (ours)
// makes a small target network of any architecture, from its kinds of operation,
// windows and attributes alone. All target networks of a space are slices of one
// supernet, whose sizes come from the architectures in training: what is generated
// for a node is enough for the largest operation of its kind, and a smaller one
// takes the beginning of each dimension. C is 4 channels; image sizes are pixels.
//
//   - A cell is its graph: a node works on the sum of what reaches it (a
//     concatenation is a sum too). Skips, outputs and what has no weights pass it
//     on, poolings pool 3 x 3, none is zero. Of two inputs the first is the output
//     of the cell before the last, as in DARTS.
//   - Convolutions, and operations of an unknown kind, are rectifier, k x k
//     convolution, batch normalization; k is the window, odd, at most 7, and 1 where
//     there is none. Separable ones have a depthwise part first, once; dilated ones
//     are separable with gaps of 2.
//   - A depthwise convolution keeps the channels of its input, and so do gates,
//     skips and poolings. A convolution whose result leads to a depthwise one
//     through such nodes expands, to eC/2 channels for the attribute expansion e
//     (at least C, e at most 6), and the next convolution projects to C: an
//     inverted residual, whose expansion reads its input without a rectifier.
//   - Squeeze-excite has C/2 hidden units and gates the rectified channels.
//   - Attention runs among pixels, with as many heads of 2 channels as the attribute
//     heads says (4 if there is none; at most 16). A perceptron has rC/2 hidden
//     units for the attribute ratio r (4; at most 8) and a rectifier. Both read
//     their input batch-normalized. Where there is attention, images are halved
//     behind the stem, into 16 tokens, and a learned position is added.
//   - Where the attribute embed_dim, or channels at one place, differs between
//     architectures, the narrowest has C/2 of the C channels, the broadest all,
//     those between in proportion.
//   - Images are halved once, from 8 to 4, before the first evaluated cell at or
//     before which the attribute stride is 2 or side gets smaller in most
//     architectures; before the second cell where neither attribute exists.
//   - Of more cells than target_cells an even selection is evaluated. A motif
//     (normal, reduction) is evaluated once where it repeats, a block up to three
//     times with the same weights; the later times it has a residual connection,
//     unless one is drawn: input and output are of one shape there.
//   - Of more than 32 operations with weights in a cell an even selection has
//     weights, and the others pass their input on.
//
// # What the paper leaves open, and how it is settled here
//
// Each of these is an option where it is a matter of taste. The ablation of
// docs/hypernas.md (plans/hypernas-ablation.yaml) takes them one at a time; the first
// and the number of networks make a difference there, and so does a q of 2 and more.
//
//   - Dead operations, on no path from input to output free of none, are removed.
//   - Layer normalization after each graph layer, and self loops. E and E' are
//     divided by their rows' sums.
//   - What global encoding adds is not scaled. Behind normalization it then outweighs
//     a cell's own features in long chains, without it fades: docs/hypernas.md.
//   - Pooling is the sum over nodes, divided by 4, not the mean.
//   - The layers have biases.
//   - The regressor has one hidden layer of 64 and dropout .1. Labels are
//     z-scored. AdamW, rate 1e-3, one cycle with 10 % warm-up, clipped at norm 5:
//     all flat within .01. 300 epochs, since fewer cost accuracy: on
//     NAS-Bench-201 (2 splits of seed 101) .727, .796 and .849 at 39, 156 and 469 labels
//     against .712, .778 and .830 after 120.
//   - Three networks are trained and their predictions averaged (ours; members=1
//     is one network, as the paper seems to have it): .015 +- .012 at 156 labels.
//   - The target network is a small proxy: stem, cells, global average pooling,
//     linear classifier, with batch normalization on the batch's own statistics,
//     stem and classifier learned beside H; 4 channels, images of 8 x 8 x 4 (the
//     project's generated images, space-to-depth), halved between cells down to
//     4 x 4. In the prototype this was as good as three stages of 8 channels.
//   - D_aux is 640 images, the same in every trial. aux=cifar10 and aux=FOLDER
//     take CIFAR-10's training images, or others in their binary form, in place
//     of the generated ones: halved to 16 x 16 pixels and standardized, in
//     12 channels after space-to-depth. 10,000 of CIFAR-10's images to draw from
//     change nothing.
//   - Each step evaluates the target networks of the first few architectures of
//     its batch, which is drawn anew each epoch.
//   - Cells that are the same in every architecture (stems, reductions) are left
//     out, and a cell that repeats in place is seen once, its repeat a feature.
//   - AdamW's decay acts on every weight: gains, biases and the u of the adaptive
//     loss too.
//   - Where training drives a u to 0, the weight 1/(2 u^2) is continued along its
//     tangent below |u| = .01.
//
// # hypernas-plus
//
// The same parts, used without labels (ours). Six encoders of whole architectures
// are pretrained on the first 20,000 architectures of the pool to predict costs,
// every other one counts too. Of spaces of cells all six read the joined cells; of
// chains half read each block as a graph and add the blocks up, half read a row of
// blocks. (On tuning splits the first alone gained half as much on MnasNet as the
// second, which gained nothing on AutoFormer tiny; both together gained on both. On
// fresh splits of tiny nothing is left of that: docs/hypernas.md.) One
// judge, the encoder over the sequence of cells with its hypernetwork, is pretrained
// on L_hyper + .3 L_loss + L_struct: the target networks' cross-entropy, the error
// of what it predicts of that, standardized within a step and detached, and the same
// costs and counts.
//
// What they say is given to the Gaussian process of gp-warp: the embeddings of those
// that read alike as a group with a kernel of its own, and the loss of the networks
// that the judge generates beside its prediction as one more group of the product
// kernel, which the forest sees too. (use=both adds the judge's embedding; on tuning
// splits that changed nothing but AutoFormer tiny, for the worse.) A pretraining
// knows the losses of the first 20,000 architectures of the pool; those of others
// are computed when they are predicted. With head=network the judges are trained on,
// on the labels, as hypernas is; with head=loss they judge alone, the paper's
// HyperNAS-H. See [plusOptions] and gp's Config.
package hypernas
