package history

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"time"

	"github.com/govqa/govqa/corpus"
	"github.com/govqa/govqa/recommend"
)

// The whole key layout. Numbers are big-endian; a person is 16 bytes.
//
//	v/                            the number of this layout
//	n/<matter 4>                  the code of a matter that has this number
//	h/<person><^time 8><^seq 8>   an event: a history is one scan, the newest first
//	i/<person><hash 16>           that the person's event of this id has been taken
//	p/<person>                    the profile, as JSON
//	x/<person>                    what is being taken away: sequence number and time
//	                              before which; deleted last, so that a crash resumes it
//	a/<code>                      the matter that this one has become, and when
//	k/<chunk><^checkpoint 8>      counts as of a checkpoint
//	f/                            the edition of the corpus whose successions are here
//	w/                            the last checkpoint and the sequence number up to which
//	                              it counts. Written last: this key makes it count
const (
	layoutNumber = 1

	layoutPrefix    = "v/"
	matterPrefix    = "n/"
	eventPrefix     = "h/"
	takenPrefix     = "i/"
	profilePrefix   = "p/"
	removalPrefix   = "x/"
	successorPrefix = "a/"
	chunkPrefix     = "k/"
	followedPrefix  = "f/"
	watermarkPrefix = "w/"
)

const personLen = len(recommend.PersonKey{})

func personal(prefix string, key recommend.PersonKey) []byte {
	return append([]byte(prefix), key[:]...)
}

func matterKey(n uint32) []byte { return binary.BigEndian.AppendUint32([]byte(matterPrefix), n) }

// eventKey sorts a person's events by time, the newest first; of one second
// the last that came is the newest.
func eventKey(key recommend.PersonKey, at int64, seq uint64) []byte {
	k := binary.BigEndian.AppendUint64(personal(eventPrefix, key), ^(uint64(at) ^ 1<<63))
	return binary.BigEndian.AppendUint64(k, ^seq)
}

func parseEventKey(k []byte) (key recommend.PersonKey, at int64, seq uint64, err error) {
	if len(k) != len(eventPrefix)+personLen+16 {
		return key, 0, 0, fmt.Errorf("%w: key %x", ErrDamaged, k)
	}
	k = k[copy(key[:], k[len(eventPrefix):])+len(eventPrefix):]
	return key, int64(^binary.BigEndian.Uint64(k) ^ 1<<63), ^binary.BigEndian.Uint64(k[8:]), nil
}

// takenKey names an event by a hash of its id, or of all that it says.
func takenKey(key recommend.PersonKey, e *Event) []byte {
	id := "=" + e.ID
	if e.ID == "" {
		id = fmt.Sprintf("%s\x00%s\x00%d\x00%s\x00%s\x00%g", e.Matter, e.Type, e.Time.Unix(), e.Region, e.Channel, e.Value)
	}
	h := sha256.Sum256([]byte(id))
	return append(personal(takenPrefix, key), h[:16]...)
}

func chunkKey(chunk []byte, checkpoint uint64) []byte {
	return binary.BigEndian.AppendUint64(append([]byte(chunkPrefix), chunk...), ^checkpoint)
}

// A kept event is one as it is on the disk.
type kept struct {
	key   recommend.PersonKey
	seq   uint64
	class recommend.Class
	act   recommend.Act
	event Event // without subject
}

func (k *kept) encode() []byte {
	e := &k.event
	b := []byte{byte(k.act), byte(k.class)}
	b = binary.BigEndian.AppendUint64(b, math.Float64bits(e.Value))
	for _, s := range []string{e.Matter, string(e.Region), e.Channel, e.ID} {
		b = append(binary.AppendUvarint(b, uint64(len(s))), s...)
	}
	return b
}

func decodeEvent(key, v []byte) (k kept, err error) {
	var at int64
	if k.key, at, k.seq, err = parseEventKey(key); err != nil {
		return k, err
	}
	if len(v) < 10 {
		return k, fmt.Errorf("%w: event of %d bytes", ErrDamaged, len(v))
	}
	k.act, k.class = recommend.Act(v[0]), recommend.Class(v[1])
	e := &k.event
	e.Type, e.Time, e.Value = k.act.String(), time.Unix(at, 0).UTC(), math.Float64frombits(binary.BigEndian.Uint64(v[2:]))
	v = v[10:]
	var region string
	for _, s := range []*string{&e.Matter, &region, &e.Channel, &e.ID} {
		n, w := binary.Uvarint(v)
		if w <= 0 || n > uint64(len(v)-w) {
			return k, fmt.Errorf("%w: event cut off", ErrDamaged)
		}
		*s, v = string(v[w:w+int(n)]), v[w+int(n):]
	}
	e.Region = corpus.RegionCode(region)
	return k, nil
}

// A watermark says which checkpoint counts, and up to which event.
type watermark struct {
	Checkpoint uint64 `json:"checkpoint"`
	Seq        uint64 `json:"seq"`
	Counting   string `json:"counting"` // how it was counted: other counts are of no use
}

// A removal says that what a person did before a time is being taken away.
type removal struct {
	Seq    uint64 `json:"seq"`
	Before int64  `json:"before"` // Unix seconds; math.MaxInt64 for everything
}

// all reports whether the person is being erased.
func (r removal) all() bool { return r.Before == math.MaxInt64 }

// A successor is the value of an alias.
type successor struct {
	To  string `json:"to"`
	Seq uint64 `json:"seq"`
}

func mustJSON(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err) // of our own plain structs
	}
	return b
}
