package wechat

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha1" //nolint:gosec // the platform's signature is SHA-1
	"crypto/subtle"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// ErrForged means that a callback was not made by the platform for this
// account: a signature, a time, an encryption or a receiver is wrong. It does
// not say which, because who forges must not be told.
var ErrForged = errors.New("callback is not the platform's")

// signature is the platform's: the SHA-1 of the parts in order.
func signature(parts ...string) string {
	slices.Sort(parts)
	sum := sha1.Sum([]byte(strings.Join(parts, ""))) //nolint:gosec // see above
	return hex.EncodeToString(sum[:])
}

func sameText(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }

// A box encrypts and decrypts messages: AES-256 in CBC mode, padded to 32
// bytes, around 16 random bytes, the length of the message, the message, and
// whom it is for.
type box struct {
	block    cipher.Block
	iv       []byte
	receiver string // app id, or the id of the corporation
}

const (
	keyText   = 43 // characters of an EncodingAESKey
	boxPad    = 32
	boxRandom = 16
	boxHead   = boxRandom + 4
)

func newBox(key, receiver string) (*box, error) {
	raw, err := base64.StdEncoding.DecodeString(key + "=")
	if err != nil || len(raw) != 32 || len(key) != keyText {
		return nil, fmt.Errorf("EncodingAESKey 应为 %d 个字母或数字", keyText)
	}
	block, err := aes.NewCipher(raw)
	if err != nil {
		return nil, err
	}
	return &box{block, raw[:aes.BlockSize], receiver}, nil
}

// open decrypts a message for our receiver.
func (b *box) open(text string) ([]byte, error) {
	sealed, err := base64.StdEncoding.DecodeString(text)
	if err != nil || len(sealed) == 0 || len(sealed)%aes.BlockSize != 0 {
		return nil, ErrForged
	}
	plain := make([]byte, len(sealed))
	cipher.NewCBCDecrypter(b.block, b.iv).CryptBlocks(plain, sealed)
	pad := int(plain[len(plain)-1])
	if pad < 1 || pad > boxPad || len(plain)-pad < boxHead {
		return nil, ErrForged
	}
	for _, c := range plain[len(plain)-pad:] {
		if int(c) != pad {
			return nil, ErrForged
		}
	}
	plain = plain[boxRandom : len(plain)-pad]
	n := int64(binary.BigEndian.Uint32(plain))
	if plain = plain[4:]; n > int64(len(plain)) || !sameText(string(plain[n:]), b.receiver) {
		return nil, ErrForged
	}
	return plain[:n], nil
}

// seal encrypts a message.
func (b *box) seal(message []byte) string {
	plain := make([]byte, boxRandom, boxHead+len(message)+len(b.receiver)+boxPad)
	rand.Read(plain) // never fails (crypto/rand)
	plain = binary.BigEndian.AppendUint32(plain, uint32(len(message)))
	plain = append(append(plain, message...), b.receiver...)
	pad := boxPad - len(plain)%boxPad
	plain = append(plain, slices.Repeat([]byte{byte(pad)}, pad)...)
	cipher.NewCBCEncrypter(b.block, b.iv).CryptBlocks(plain, plain)
	return base64.StdEncoding.EncodeToString(plain)
}
