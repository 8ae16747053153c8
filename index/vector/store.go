package vector

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"sync"
)

// The file of a model: a header, then frames, each written and flushed whole.
//
//	header  "govqavec", layout, dimensions, length of the model's name, name, CRC
//	frame   rows, tokens they cost, rows × (ID, scale, bytes without padding), CRC
//
// Numbers are little-endian; a CRC (Castagnoli) is over everything before it
// in the header or the frame. What comes after the first frame whose CRC is
// wrong cannot be believed and is embedded again.
const (
	fileMagic  = "govqavec"
	fileLayout = 1
	frameHead  = 4 + 8
	maxRows    = 1 << 16 // in one frame
	maxDim     = 1 << 14
	maxName    = 1 << 10
)

const (
	filePrefix = "model-"
	fileSuffix = ".vec"
)

var (
	errDamaged = errors.New("damaged")
	castagnoli = crc32.MakeTable(crc32.Castagnoli)
)

// A Store keeps the vectors of one model in a file. It is safe for concurrent
// use. The file is a view: whatever is lost is embedded again.
type Store struct {
	dir, model string

	mu     sync.Mutex
	file   *os.File // nil before the first vector
	size   int64
	table  Table
	rows   map[ID]uint32
	tokens uint64
	lost   int64
}

// Open opens the vectors of a model in a folder, which is made if need be.
// What is damaged at the file's end, or after it, is cut off: [Store.Lost].
func Open(dir, model string) (*Store, error) {
	if model == "" || len(model) > maxName {
		return nil, fmt.Errorf("vectors: the model's name has %d bytes", len(model))
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("vectors: %w", err)
	}
	s := &Store{dir: dir, model: model, rows: map[ID]uint32{}}
	f, err := os.OpenFile(s.path(), os.O_RDWR, 0)
	if errors.Is(err, os.ErrNotExist) {
		return s, nil
	}
	if err != nil {
		return nil, fmt.Errorf("vectors: %w", err)
	}
	if err := s.load(f); err != nil {
		return nil, errors.Join(fmt.Errorf("vectors: %s: %w", s.path(), err), f.Close())
	}
	return s, nil
}

// path names the file after the model's name: names hold slashes and colons.
func (s *Store) path() string {
	sum := sha256.Sum256([]byte(s.model))
	return filepath.Join(s.dir, filePrefix+hex.EncodeToString(sum[:8])+fileSuffix)
}

// load reads the file as far as it is whole and cuts off the rest.
func (s *Store) load(f *os.File) error {
	b, err := io.ReadAll(f)
	if err != nil {
		return err
	}
	rest, err := s.readHeader(b)
	for err == nil && len(rest) > 0 {
		rest, err = s.readFrame(rest)
	}
	s.size = int64(len(b) - len(rest))
	if err == nil {
		s.file = f
		return nil
	}
	s.lost = int64(len(rest))
	if s.table.dim == 0 { // not even the header
		return errors.Join(f.Close(), os.Remove(s.path()))
	}
	if err := errors.Join(f.Truncate(s.size), f.Sync()); err != nil {
		return err
	}
	s.file = f
	return nil
}

func (s *Store) readHeader(b []byte) ([]byte, error) {
	const fixed = len(fileMagic) + 4 + 4 + 2
	if len(b) < fixed || !bytes.HasPrefix(b, []byte(fileMagic)) {
		return b, errDamaged
	}
	layout, dim := binary.LittleEndian.Uint32(b[8:]), binary.LittleEndian.Uint32(b[12:])
	n := int(binary.LittleEndian.Uint16(b[16:]))
	if len(b) < fixed+n+4 || !whole(b[:fixed+n+4]) || layout != fileLayout || dim == 0 || dim > maxDim || string(b[fixed:fixed+n]) != s.model {
		return b, errDamaged
	}
	s.table.dim, s.table.stride = int(dim), stride(int(dim))
	return b[fixed+n+4:], nil
}

// whole reports whether the last four bytes are the CRC of the others.
func whole(b []byte) bool {
	n := len(b) - 4
	return crc32.Checksum(b[:n], castagnoli) == binary.LittleEndian.Uint32(b[n:])
}

func (s *Store) rowSize() int { return len(ID{}) + 4 + s.table.dim }

func (s *Store) readFrame(b []byte) ([]byte, error) {
	if len(b) < frameHead+4 {
		return b, errDamaged
	}
	n := int(binary.LittleEndian.Uint32(b))
	size := frameHead + n*s.rowSize() + 4
	if n > maxRows || len(b) < size || !whole(b[:size]) {
		return b, errDamaged
	}
	s.tokens += binary.LittleEndian.Uint64(b[4:])
	row := Code{Bytes: make([]int8, s.table.stride)}
	for p := b[frameHead : size-4]; len(p) > 0; p = p[s.rowSize():] {
		row.Scale = math.Float32frombits(binary.LittleEndian.Uint32(p[len(ID{}):]))
		for i, x := range p[len(ID{})+4:][:s.table.dim] {
			row.Bytes[i] = int8(x)
		}
		s.put(ID(p[:len(ID{})]), row)
	}
	return b[size:], nil
}

func (s *Store) put(id ID, c Code) {
	if _, ok := s.rows[id]; ok {
		return
	}
	s.rows[id] = uint32(s.table.rows)
	s.table = s.table.with(c)
}

// Append keeps vectors and adds what they cost. They are on the disk when it
// returns. The first vector ever says how many dimensions the model has.
func (s *Store) Append(ids []ID, vectors [][]float32, tokens int) error {
	if len(ids) != len(vectors) || len(ids) > maxRows {
		return fmt.Errorf("%w: %d vectors for %d texts", ErrVector, len(vectors), len(ids))
	}
	if len(ids) == 0 {
		return nil
	}
	codes := make([]Code, len(vectors))
	for i, v := range vectors {
		if len(v) != len(vectors[0]) || len(v) > maxDim {
			return fmt.Errorf("%w: %d beside %d", ErrDimension, len(v), len(vectors[0]))
		}
		var err error
		if codes[i], err = Encode(v); err != nil {
			return err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.table.dim != 0 && s.table.dim != len(vectors[0]) {
		return fmt.Errorf("%w: %d, not %d", ErrDimension, len(vectors[0]), s.table.dim)
	}
	if s.file == nil {
		if err := s.create(len(vectors[0])); err != nil {
			return fmt.Errorf("vectors: %w", err)
		}
	}
	if err := s.write(s.frame(ids, codes, tokens)); err != nil {
		return fmt.Errorf("vectors: %w", err)
	}
	s.tokens += uint64(max(0, tokens))
	for i, id := range ids {
		s.put(id, codes[i])
	}
	return nil
}

func (s *Store) create(dim int) error {
	f, err := os.OpenFile(s.path(), os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	s.file, s.size = f, 0
	s.table.dim, s.table.stride = dim, stride(dim)
	return errors.Join(s.write(header(s.model, dim)), syncDir(s.dir))
}

func header(model string, dim int) []byte {
	b := []byte(fileMagic)
	b = binary.LittleEndian.AppendUint32(b, fileLayout)
	b = binary.LittleEndian.AppendUint32(b, uint32(dim))
	b = binary.LittleEndian.AppendUint16(b, uint16(len(model)))
	b = append(b, model...)
	return sealed(b)
}

func sealed(b []byte) []byte {
	return binary.LittleEndian.AppendUint32(b, crc32.Checksum(b, castagnoli))
}

func (s *Store) frame(ids []ID, codes []Code, tokens int) []byte {
	b := binary.LittleEndian.AppendUint32(nil, uint32(len(ids)))
	b = binary.LittleEndian.AppendUint64(b, uint64(max(0, tokens)))
	for i, c := range codes {
		b = append(b, ids[i][:]...)
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(c.Scale))
		for _, x := range c.Bytes[:s.table.dim] {
			b = append(b, byte(x))
		}
	}
	return sealed(b)
}

// write adds bytes at the end, durably; a half-written frame is overwritten by
// the next.
func (s *Store) write(b []byte) error {
	if _, err := s.file.WriteAt(b, s.size); err != nil {
		return err
	}
	if err := s.file.Sync(); err != nil {
		return err
	}
	s.size += int64(len(b))
	return nil
}

// Row returns where the vector of a text is in the table.
func (s *Store) Row(id ID) (uint32, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	row, ok := s.rows[id]
	return row, ok
}

// Table returns the vectors as they are now.
func (s *Store) Table() Table {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.table
}

// Rows returns the number of vectors kept, of texts of today and of before.
func (s *Store) Rows() int { return s.Table().rows }

// Tokens returns what all vectors have cost, those dropped since included.
func (s *Store) Tokens() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.tokens
}

// Lost returns how many bytes were damaged when the file was opened.
func (s *Store) Lost() int64 { return s.lost }

// Compact drops the vectors that keep does not keep: their texts are gone. The
// new file is written beside the old one and takes its name. Tables made before
// go on as they are.
func (s *Store) Compact(keep func(ID) bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.file == nil {
		return nil
	}
	next := &Store{dir: s.dir, model: s.model, rows: map[ID]uint32{}, table: Table{dim: s.table.dim, stride: s.table.stride}, tokens: s.tokens}
	f, err := os.OpenFile(s.path()+".tmp", os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return fmt.Errorf("vectors: %w", err)
	}
	next.file = f
	if err := s.copyTo(next, keep); err != nil {
		return errors.Join(fmt.Errorf("vectors: %w", err), f.Close(), os.Remove(f.Name()))
	}
	if err := errors.Join(os.Rename(f.Name(), s.path()), syncDir(s.dir)); err != nil {
		return errors.Join(fmt.Errorf("vectors: %w", err), f.Close())
	}
	old := s.file
	s.file, s.size, s.table, s.rows = next.file, next.size, next.table, next.rows
	return old.Close()
}

// copyTo writes what is kept, in the order of the rows, and flushes it.
func (s *Store) copyTo(next *Store, keep func(ID) bool) error {
	ids := make([]ID, s.table.rows)
	for id, row := range s.rows {
		ids[row] = id
	}
	if err := next.write(header(s.model, s.table.dim)); err != nil {
		return err
	}
	tokens := int(s.tokens) // stands in the first frame
	var batch []ID
	var codes []Code
	flush := func() error {
		b := next.frame(batch, codes, tokens)
		for i, id := range batch {
			next.put(id, codes[i])
		}
		batch, codes, tokens = batch[:0], codes[:0], 0
		return next.write(b)
	}
	for row, id := range ids {
		if !keep(id) {
			continue
		}
		batch, codes = append(batch, id), append(codes, s.table.Code(uint32(row)))
		if len(batch) == chunkRows {
			if err := flush(); err != nil {
				return err
			}
		}
	}
	return flush()
}

// Reset drops every vector: the model is not what it was.
func (s *Store) Reset() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.file == nil {
		return nil
	}
	err := errors.Join(s.file.Close(), os.Remove(s.path()), syncDir(s.dir))
	s.file, s.size, s.table, s.rows = nil, 0, Table{}, map[ID]uint32{}
	if err != nil {
		return fmt.Errorf("vectors: %w", err)
	}
	return nil
}

// Alone removes the files of all other models.
func (s *Store) Alone() error {
	names, err := os.ReadDir(s.dir)
	if err != nil {
		return fmt.Errorf("vectors: %w", err)
	}
	var errs []error
	for _, d := range names {
		if strings.HasPrefix(d.Name(), filePrefix) && d.Name() != filepath.Base(s.path()) {
			errs = append(errs, os.Remove(filepath.Join(s.dir, d.Name())))
		}
	}
	return errors.Join(errs...)
}

// Close closes the file.
func (s *Store) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.file == nil {
		return nil
	}
	err := s.file.Close()
	s.file = nil
	return err
}

func syncDir(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
