package recommend

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// A Chunk is a part of the counts as it is kept: a key that stays the same,
// and the counts under it. An empty value means that nothing is left.
type Chunk struct{ Key, Value []byte }

// ErrChunk means that a chunk is none of a model's.
var ErrChunk = errors.New("counts cannot be read")

// What a chunk counts, by its key's first byte.
const (
	chunkMatter  = 'm' // matter -> weight, people
	chunkShard   = 'r' // matter, context -> cells
	chunkWeeks   = 'q' // region, class, matter -> weeks
	chunkMatters = 5   // length of the keys
	chunkShards  = 9
	chunkLeaves  = 10
)

// Changed returns the chunks that changed since it was last called.
func (m *Model) Changed() []Chunk {
	m.mu.Lock()
	defer m.mu.Unlock()
	var chunks []Chunk
	for i := range m.matters {
		mt := &m.matters[i]
		if mt.dirty {
			mt.dirty = false
			chunks = append(chunks, mt.chunk(uint32(i)))
		}
		for _, s := range mt.shards {
			if s.dirty {
				s.dirty = false
				chunks = append(chunks, s.chunk(uint32(i)))
			}
		}
	}
	for k, l := range m.leaves {
		if l.dirty {
			l.dirty = false
			chunks = append(chunks, l.chunk(k))
		}
	}
	return chunks
}

func (mt *matter) chunk(number uint32) Chunk {
	c := Chunk{Key: binary.BigEndian.AppendUint32([]byte{chunkMatter}, number)}
	if mt.weight != 0 || mt.people != 0 {
		c.Value = binary.AppendVarint(binary.AppendVarint(nil, mt.weight), int64(mt.people))
	}
	return c
}

func (s *shard) chunk(number uint32) Chunk {
	key := binary.BigEndian.AppendUint32([]byte{chunkShard}, number)
	c := Chunk{Key: binary.BigEndian.AppendUint32(key, s.context), Value: make([]byte, 0, 10*len(s.cells))}
	last := uint32(0)
	for _, x := range s.cells {
		c.Value = binary.AppendUvarint(c.Value, uint64(x.to-last))
		c.Value = binary.AppendVarint(binary.AppendVarint(c.Value, x.weight), int64(x.people))
		last = x.to
	}
	return c
}

func (l *leaf) chunk(k leafKey) Chunk {
	key := binary.BigEndian.AppendUint32([]byte{chunkWeeks}, k.region)
	c := Chunk{Key: binary.BigEndian.AppendUint32(append(key, byte(k.class)), k.matter)}
	last := int32(0)
	for _, w := range l.weeks {
		c.Value = binary.AppendVarint(binary.AppendVarint(c.Value, int64(w.week-last)), int64(w.n))
		last = w.week
	}
	return c
}

// Recounted is a model that counts the same histories anew.
func (m *Model) Recounted() *Model {
	m.mu.RLock()
	defer m.mu.RUnlock()
	clean := NewModel(m.params)
	for _, code := range m.codes {
		clean.Matter(code)
	}
	for key, p := range m.people {
		clean.Set(key, p.visits)
	}
	return clean
}

// Differs counts the chunks in which two models of the same matters differ.
func (m *Model) Differs(o *Model) int {
	values := map[string]string{}
	for _, c := range m.snapshot() {
		values[string(c.Key)] = string(c.Value)
	}
	n := 0
	for _, c := range o.snapshot() {
		if values[string(c.Key)] != string(c.Value) {
			n++
		}
		delete(values, string(c.Key))
	}
	for _, v := range values {
		if v != "" {
			n++
		}
	}
	return n
}

// snapshot is every chunk, with no mark changed.
func (m *Model) snapshot() []Chunk {
	m.mu.RLock()
	defer m.mu.RUnlock()
	var chunks []Chunk
	for i := range m.matters {
		chunks = append(chunks, m.matters[i].chunk(uint32(i)))
		for _, s := range m.matters[i].shards {
			chunks = append(chunks, s.chunk(uint32(i)))
		}
	}
	for k, l := range m.leaves {
		chunks = append(chunks, l.chunk(k))
	}
	return chunks
}

// TakeUp adds a chunk to a model that is being loaded. The matter must have
// its number already.
func (m *Model) TakeUp(c Chunk) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	r := reader{buf: c.Value}
	switch {
	case len(c.Key) == chunkMatters && c.Key[0] == chunkMatter:
		n := binary.BigEndian.Uint32(c.Key[1:])
		if int(n) >= len(m.matters) {
			return fmt.Errorf("matter %d: %w", n, ErrChunk)
		}
		if len(c.Value) > 0 {
			m.matters[n].weight, m.matters[n].people = r.varint(), int32(r.varint())
		}
	case len(c.Key) == chunkShards && c.Key[0] == chunkShard:
		n := binary.BigEndian.Uint32(c.Key[1:])
		if int(n) >= len(m.matters) {
			return fmt.Errorf("matter %d: %w", n, ErrChunk)
		}
		s := m.shard(n, binary.BigEndian.Uint32(c.Key[5:]))
		for to := uint32(0); len(r.buf) > 0 && r.err == nil; {
			to += uint32(r.uvarint())
			s.cells = append(s.cells, cell{to: to, weight: r.varint(), people: int32(r.varint())})
		}
	case len(c.Key) == chunkLeaves && c.Key[0] == chunkWeeks:
		k := leafKey{node{binary.BigEndian.Uint32(c.Key[1:]), Class(c.Key[5])}, binary.BigEndian.Uint32(c.Key[6:])}
		l := &leaf{}
		for week := int32(0); len(r.buf) > 0 && r.err == nil; {
			week += int32(r.varint())
			w := weekly{week, int32(r.varint())}
			l.weeks = append(l.weeks, w)
			m.tallyAbove(k.node, k.matter, w)
		}
		m.leaves[k] = l
	default:
		return fmt.Errorf("key %x: %w", c.Key, ErrChunk)
	}
	return r.err
}

// A reader reads numbers until the buffer ends or holds none.
type reader struct {
	buf []byte
	err error
}

func (r *reader) varint() int64 {
	v, n := binary.Varint(r.buf)
	return take(r, v, n)
}

func (r *reader) uvarint() uint64 {
	v, n := binary.Uvarint(r.buf)
	return take(r, v, n)
}

func take[T any](r *reader, v T, n int) T {
	if n <= 0 {
		r.err, r.buf = fmt.Errorf("value cut off: %w", ErrChunk), nil
		return v
	}
	r.buf = r.buf[n:]
	return v
}
