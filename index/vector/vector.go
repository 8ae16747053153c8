// Package vector keeps the vectors that an embedding model gives to texts, and
// finds those nearest to a question's.
//
// A vector belongs to a model and to the very words of a text, and to nothing
// else: it is kept under the hash of the text, in a file of its model's own. A
// text that changes has another hash, a model that changes has another file,
// so that a vector can never stand for words that it was not made from.
//
// Vectors are kept in a byte for each dimension, about a percent from what the
// model gave. Up to a size that takes 20 ms every row is compared; beyond it
// one bit for each dimension picks the rows that are.
package vector

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"math"
)

var (
	// ErrVector means that a vector cannot be one: empty, of no length, or
	// with something that is no number in it.
	ErrVector = errors.New("bad vector")
	// ErrDimension means that a vector has another number of dimensions than
	// those that are kept.
	ErrDimension = errors.New("other dimension")
)

// An ID identifies a text, and what it was embedded as.
type ID [16]byte

// IDOf returns the ID of a text embedded as something of a kind: models may
// give a question another vector than a passage of the same words.
func IDOf(kind, text string) ID {
	h := sha256.New()
	h.Write([]byte(kind + "\x00" + text)) // never fails
	return ID(h.Sum(nil)[:16])
}

// A Code is a vector of length 1 in bytes: about Scale times each byte.
type Code struct {
	Bytes []int8 // padded with zeros to whole lanes
	Scale float32
}

// Encode makes a Code of a vector of any length but 0.
func Encode(v []float32) (Code, error) {
	var sum, most float64
	for _, x := range v {
		f := float64(x)
		if math.IsNaN(f) || math.IsInf(f, 0) {
			return Code{}, fmt.Errorf("%w: %v in it", ErrVector, f)
		}
		sum += f * f
		most = max(most, math.Abs(f))
	}
	if most == 0 {
		return Code{}, fmt.Errorf("%w: %d dimensions, of no length", ErrVector, len(v))
	}
	c := Code{make([]int8, stride(len(v))), float32(most / 127 / math.Sqrt(sum))}
	for i, x := range v {
		c.Bytes[i] = int8(math.RoundToEven(float64(x) / most * 127))
	}
	return c, nil
}

func stride(dim int) int { return (dim + lane - 1) / lane * lane }

// Cosine is the cosine of the angle between two vectors of one dimension.
func (c Code) Cosine(other Code) float64 {
	var out [1]int32
	dotRows(c.Bytes, other.Bytes, out[:])
	return float64(out[0]) * float64(c.Scale) * float64(other.Scale)
}
