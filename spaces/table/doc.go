// Package table is the search space of a user's own table: a CSV or JSON file
// of architectures with what was measured of them, described by a short YAML
// file. docs/table.md tells how the two are written.
//
// Nothing in either file is executed. Both are read whole, within the limits
// that this package states; whatever is not as it should be is an error that
// names the file, the line or row, the column, and what to do.
package table
