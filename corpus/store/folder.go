package store

import "log/slog"

// What follows lets another database of the program have its folder proved,
// sealed and kept from running full like this one's. Nobody else may have the
// folder open meanwhile.

// Prove decides whether badger may open the folder, without changing what is
// in it: after [Seal] every byte must be as it was, and after a crash every
// table must be whole. The files of a crash are kept until [Proved]. The error
// is ErrDamaged, or that of the file system.
func Prove(dir string, log *slog.Logger) error { return prove(dir, log) }

// Proved says that nothing proved to be lost.
func Proved(dir string) error { return classify(discardSalvage(dir)) }

// Seal writes down what a closed folder holds.
func Seal(dir string) error { return seal(dir) }

// FreeSpace is the space, in bytes, that is left on the disk of a folder.
func FreeSpace(dir string) (int64, error) { return freeSpace(dir) }
