package hypernasv1

// Limits that both ends set and check.
const (
	// MessageBytes is the size of the largest message. A full block has at
	// most 2^21 entries of at most 8 bytes and its labels, 16 MiB; a column of
	// the largest space in use (423,624 rows) has 3.4 MB. What is left is room
	// for columns of 8 million rows.
	MessageBytes = 64 << 20

	// BlockRows is the number of architectures that a block holds at most.
	// 4,096 of NAS-Bench-201 take about 200 kB, so that the cost of a call
	// (0.1 ms) is lost in that of its rows, and a cancelled call wastes little.
	BlockRows = 4096

	// BlockEntries bounds all lists of a block together, and with them what
	// the reader of a hostile block allocates (at most 64 bytes an entry).
	BlockEntries = 1 << 21
)
