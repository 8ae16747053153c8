package wording

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/govqa/govqa/answer"
	"github.com/govqa/govqa/answer/llm"
	"github.com/govqa/govqa/corpus/store"
)

// docOff is the kind of the documents that stand for channels on which the
// language model is switched off. That one is added or removed is what the
// audit log says.
const docOff = "model.off"

// An offNote is a document of docOff.
type offNote struct {
	Since time.Time `json:"since"`
	By    string    `json:"by"`
}

// A Switch turns the language model on and off for each channel, at once and
// for every start to come. Every turn is audited by the store.
type Switch struct {
	store *store.Store
	model *llm.Client // nil where none is configured
	turn  sync.Mutex  // a turn is written and takes effect in one order
}

// NewSwitch makes a switch of a model, which may be nil, and puts it as it was
// left.
func NewSwitch(s *store.Store, model *llm.Client) (*Switch, error) {
	w := &Switch{store: s, model: model}
	list, err := w.kept()
	for _, c := range list {
		w.set(c.Channel, c.On)
	}
	return w, err
}

func (s *Switch) set(ch answer.Channel, on bool) {
	if s.model != nil {
		s.model.Set(ch, on)
	}
}

// A ChannelState says whether the model is on for a channel.
type ChannelState struct {
	Channel answer.Channel `json:"channel"`
	On      bool           `json:"on"`
	Since   time.Time      `json:"since,omitzero"` // it is off
	By      string         `json:"by,omitempty"`   // who switched it off
}

// Name is what the channel is called on pages.
func (c ChannelState) Name() string {
	switch c.Channel {
	case answer.ChannelPage:
		return "群众页面"
	case answer.ChannelAPI:
		return "接口"
	case answer.ChannelDesk:
		return "坐席台和编辑台"
	case answer.ChannelCompat:
		return "兼容接口和 MCP"
	case answer.ChannelWechat:
		return "微信"
	}
	return string(c.Channel)
}

// kept reads the switches as they are written down.
func (s *Switch) kept() ([]ChannelState, error) {
	list := make([]ChannelState, len(answer.Channels))
	for i, ch := range answer.Channels {
		list[i] = ChannelState{Channel: ch, On: true}
		value, err := s.store.Doc(docOff, string(ch))
		if err != nil {
			return nil, err
		}
		if value == nil {
			continue
		}
		var n offNote
		if err := json.Unmarshal(value, &n); err != nil {
			return nil, fmt.Errorf("switch %s: %w", ch, err)
		}
		list[i] = ChannelState{ch, false, n.Since, n.By}
	}
	return list, nil
}

// ErrChannel means that there is no such channel.
var ErrChannel = errors.New("没有这个渠道")

// Turn turns a channel, or all of them if it is empty. Going on, it is written
// down and audited before it takes effect; going off, it takes effect even if it
// cannot be written: an emergency stop must stop.
func (s *Switch) Turn(ctx context.Context, actor string, channel answer.Channel, on bool) error {
	channels := []answer.Channel{channel}
	if channel == "" {
		channels = answer.Channels
	} else if !slices.Contains(answer.Channels, channel) {
		return fmt.Errorf("%w：%q，应为 page、api、desk、compat 或 wechat", ErrChannel, channel)
	}
	note, err := json.Marshal(offNote{time.Now().UTC().Truncate(time.Second), actor})
	if err != nil {
		return err
	}
	s.turn.Lock()
	defer s.turn.Unlock()
	var errs []error
	for _, ch := range channels {
		if !on {
			s.set(ch, false)
		}
		err := s.store.PutDoc(ctx, actor, docOff, string(ch), func(old []byte) ([]byte, error) {
			switch {
			case on:
				return nil, nil
			case old != nil:
				return old, nil // off already, since then
			}
			return note, nil
		})
		if err == nil && on {
			s.set(ch, true)
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// A Status is what there is to know of the model.
type Status struct {
	Configured bool           `json:"configured"`
	AIGC       *answer.AIGC   `json:"aigc,omitempty"` // its mark
	Channels   []ChannelState `json:"channels"`
	Use        *llm.Use       `json:"use,omitempty"`
}

// Status reads how the switches are and what was made of the model.
func (s *Switch) Status() (Status, error) {
	list, err := s.kept()
	if err != nil {
		return Status{}, err
	}
	status := Status{Configured: s.model != nil, Channels: list}
	if s.model == nil {
		return status, nil
	}
	mark, use := s.model.Mark(), s.model.Use()
	status.AIGC, status.Use = &mark, &use
	for i := range list {
		list[i].On = s.model.On(list[i].Channel) // which counts, should the disk lag behind
	}
	return status, nil
}

// A Job is a turn of a switch that comes by the control socket.
type Job struct {
	Actor   string         `json:"actor"`
	Channel answer.Channel `json:"channel"` // "" is all
	On      *bool          `json:"on"`      // nil only asks
}

// Do turns the switch, and tells how it is then.
func (s *Switch) Do(ctx context.Context, job Job) (Status, error) {
	if job.On != nil {
		if err := s.Turn(ctx, job.Actor, job.Channel, *job.On); err != nil {
			return Status{}, err
		}
	}
	return s.Status()
}
