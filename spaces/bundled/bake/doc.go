// Package bake makes the bundled search space's table: it trains every distinct cell of NAS-Bench-201's topology, with
// several seeds each, on the generated pictures of package images, and stores how many validation and test pictures
// each training gets right. Nothing in the table is a formula.
//
// A training is single-threaded and depends on the recipe, the skeleton start, the arithmetic of the kernels, the seed
// and the cell alone, so any number of workers and any order give the same table. Run cuts the work into shards, files
// of their own that are written whole or not at all, and goes on where an earlier run stopped.
//
// On vector kernels a training takes about half a second of one core; plain Go takes ten to twenty times that and
// rounds differently, so the manifest records the arithmetic, and a folder holds one.
package bake
