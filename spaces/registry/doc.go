// Package registry knows every public data file that hypernas reads: its
// address, size, SHA-256, license and citation. It fetches files into a cache
// on the user's machine and hands their contents to search spaces.
//
// No file is trusted unverified: a download gets its name only once its hash
// is right, and each reading checks the hash again.
package registry
