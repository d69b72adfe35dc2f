// A peer connection of Pion that sends back what it hears and what comes on its data channels. It reads one JSON command
// a line and answers each with one line; candidates and states come between as lines of their own.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"sync"

	"github.com/pion/interceptor"
	"github.com/pion/rtcp"
	"github.com/pion/webrtc/v4"
)

type command struct {
	ID         int         `json:"id"`
	Name       string      `json:"name"`
	SDP        string      `json:"sdp"`
	Candidate  string      `json:"candidate"`
	Mid        string      `json:"mid"`
	Label      string      `json:"label"`
	IceRestart bool        `json:"iceRestart"`
	Setup      string      `json:"setup"`
	Kind       channelKind `json:"kind"`
}

type channelKind struct {
	Ordered             *bool   `json:"ordered"`
	MaxRetransmits      *uint16 `json:"maxRetransmits"`
	MaxPacketLifeTimeMs *uint16 `json:"maxPacketLifeTimeMs"`
	Protocol            *string `json:"protocol"`
	ID                  *uint16 `json:"id"`
}

var (
	output     = json.NewEncoder(os.Stdout)
	outputLock sync.Mutex
)

func say(line map[string]any) {
	outputLock.Lock()
	defer outputLock.Unlock()
	_ = output.Encode(line)
}

type peer struct {
	connection *webrtc.PeerConnection
	echo       *webrtc.TrackLocalStaticRTP
	sender     *webrtc.RTPSender
	lock       sync.Mutex
	channels   map[string]*webrtc.DataChannel
	// Of the packets that were sent, by transport-wide feedback.
	reported     int
	reportedLost int
	goodbyes     int
	isSilent     bool
}

// newPeer takes its words in any order: `active` or `passive` for its part in DTLS when it answers, `tcp` for ICE over TCP,
// `feedback` for transport-wide feedback.
func newPeer(words []string) (*peer, error) {
	media := &webrtc.MediaEngine{}
	if err := media.RegisterDefaultCodecs(); err != nil {
		return nil, err
	}
	interceptors := &interceptor.Registry{}
	settings := webrtc.SettingEngine{}
	settings.SetIncludeLoopbackCandidate(true)
	settings.SetIPFilter(func(ip net.IP) bool { return ip.IsLoopback() && ip.To4() != nil })
	settings.SetNetworkTypes([]webrtc.NetworkType{webrtc.NetworkTypeUDP4})
	for _, word := range words {
		switch word {
		case "active":
			_ = settings.SetAnsweringDTLSRole(webrtc.DTLSRoleClient)
		case "passive":
			_ = settings.SetAnsweringDTLSRole(webrtc.DTLSRoleServer)
		case "tcp":
			listener, err := net.Listen("tcp4", "127.0.0.1:0")
			if err != nil {
				return nil, err
			}
			settings.SetICETCPMux(webrtc.NewICETCPMux(nil, listener, 8))
			settings.SetNetworkTypes([]webrtc.NetworkType{webrtc.NetworkTypeUDP4, webrtc.NetworkTypeTCP4})
		case "feedback":
			if err := webrtc.ConfigureTWCCSender(media, interceptors); err != nil {
				return nil, err
			}
			if err := webrtc.ConfigureTWCCHeaderExtensionSender(media, interceptors); err != nil {
				return nil, err
			}
		}
	}
	connection, err := webrtc.NewAPI(webrtc.WithMediaEngine(media), webrtc.WithSettingEngine(settings),
		webrtc.WithInterceptorRegistry(interceptors)).NewPeerConnection(webrtc.Configuration{})
	if err != nil {
		return nil, err
	}
	echo, err := webrtc.NewTrackLocalStaticRTP(
		webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeOpus, ClockRate: 48000, Channels: 2}, "track", "echo")
	if err != nil {
		return nil, err
	}
	p := &peer{connection: connection, echo: echo, channels: map[string]*webrtc.DataChannel{}}
	if p.sender, err = connection.AddTrack(echo); err != nil {
		return nil, err
	}
	go p.readFeedback(p.sender)
	connection.OnICECandidate(func(candidate *webrtc.ICECandidate) {
		if candidate == nil {
			return
		}
		text := candidate.ToJSON()
		say(map[string]any{"event": "candidate", "candidate": text.Candidate, "mid": "0"})
	})
	connection.OnTrack(func(track *webrtc.TrackRemote, receiver *webrtc.RTPReceiver) {
		go p.countGoodbyes(receiver)
		for {
			packet, _, err := track.ReadRTP()
			if err != nil {
				return
			}
			p.lock.Lock()
			isSilent := p.isSilent
			p.lock.Unlock()
			if !isSilent {
				_ = echo.WriteRTP(packet)
			}
		}
	})
	connection.OnDataChannel(p.sendBack)
	return p, nil
}

// readFeedback counts what transport-wide feedback says of the packets that were sent.
func (p *peer) readFeedback(sender *webrtc.RTPSender) {
	for {
		packets, _, err := sender.ReadRTCP()
		if err != nil {
			return
		}
		for _, packet := range packets {
			feedback, ok := packet.(*rtcp.TransportLayerCC)
			if !ok {
				continue
			}
			p.lock.Lock()
			p.reported += int(feedback.PacketStatusCount)
			p.reportedLost += int(feedback.PacketStatusCount) - len(feedback.RecvDeltas)
			p.lock.Unlock()
		}
	}
}

func (p *peer) countGoodbyes(receiver *webrtc.RTPReceiver) {
	for {
		packets, _, err := receiver.ReadRTCP()
		if err != nil {
			return
		}
		for _, packet := range packets {
			if _, is := packet.(*rtcp.Goodbye); is {
				p.lock.Lock()
				p.goodbyes++
				p.lock.Unlock()
			}
		}
	}
}

func (p *peer) endAudio() error {
	p.lock.Lock()
	p.isSilent = true
	p.lock.Unlock()
	ssrc := uint32(p.sender.GetParameters().Encodings[0].SSRC)
	return p.connection.WriteRTCP([]rtcp.Packet{&rtcp.Goodbye{Sources: []uint32{ssrc}}})
}

func (p *peer) sendBack(channel *webrtc.DataChannel) {
	p.lock.Lock()
	p.channels[channel.Label()] = channel
	p.lock.Unlock()
	channel.OnMessage(func(message webrtc.DataChannelMessage) {
		if message.IsString {
			_ = channel.SendText(string(message.Data))
		} else {
			_ = channel.Send(message.Data)
		}
	})
}

func (p *peer) open(label string, kind channelKind) error {
	p.lock.Lock()
	_, there := p.channels[label]
	p.lock.Unlock()
	if there {
		return nil
	}
	init := &webrtc.DataChannelInit{
		Ordered: kind.Ordered, MaxRetransmits: kind.MaxRetransmits, MaxPacketLifeTime: kind.MaxPacketLifeTimeMs,
		Protocol: kind.Protocol, ID: kind.ID,
	}
	if kind.ID != nil {
		negotiated := true
		init.Negotiated = &negotiated
	}
	channel, err := p.connection.CreateDataChannel(label, init)
	if err == nil {
		p.sendBack(channel)
	}
	return err
}

func (p *peer) run(c command) (any, error) {
	switch c.Name {
	case "answer":
		if err := p.connection.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeOffer, SDP: c.SDP}); err != nil {
			return nil, err
		}
		answer, err := p.connection.CreateAnswer(nil)
		if err != nil {
			return nil, err
		}
		return answer.SDP, p.connection.SetLocalDescription(answer)
	case "offer":
		if err := p.open("theirs", channelKind{}); err != nil {
			return nil, err
		}
		offer, err := p.connection.CreateOffer(&webrtc.OfferOptions{ICERestart: c.IceRestart})
		if err != nil {
			return nil, err
		}
		return offer.SDP, p.connection.SetLocalDescription(offer)
	case "acceptAnswer":
		return nil, p.connection.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: c.SDP})
	case "addCandidate":
		return nil, p.connection.AddICECandidate(webrtc.ICECandidateInit{Candidate: c.Candidate, SDPMid: &c.Mid})
	case "open":
		return nil, p.open(c.Label, c.Kind)
	case "closeChannel":
		p.lock.Lock()
		channel := p.channels[c.Label]
		p.lock.Unlock()
		if channel == nil {
			return nil, fmt.Errorf("no channel %q", c.Label)
		}
		return nil, channel.Close()
	case "state":
		return p.connection.ConnectionState().String(), nil
	case "openLabels":
		p.lock.Lock()
		defer p.lock.Unlock()
		labels := []string{}
		for label, channel := range p.channels {
			if channel.ReadyState() == webrtc.DataChannelStateOpen {
				labels = append(labels, label)
			}
		}
		return labels, nil
	case "feedback":
		p.lock.Lock()
		defer p.lock.Unlock()
		return map[string]int{"packets": p.reported, "lost": p.reportedLost}, nil
	case "endAudio":
		return nil, p.endAudio()
	case "goodbyes":
		p.lock.Lock()
		defer p.lock.Unlock()
		return p.goodbyes, nil
	case "close":
		return nil, p.connection.Close()
	}
	return nil, fmt.Errorf("unknown command %q", c.Name)
}

func main() {
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(make([]byte, 1<<20), 1<<20)
	p, err := newPeer(os.Args[1:])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	for lines.Scan() {
		var c command
		if err := json.Unmarshal(lines.Bytes(), &c); err != nil {
			fmt.Fprintln(os.Stderr, err)
			continue
		}
		result, err := p.run(c)
		answer := map[string]any{"id": c.ID, "result": result}
		if err != nil {
			answer["error"] = err.Error()
		}
		say(answer)
	}
}
