package wire_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	pb "github.com/hypernas/hypernas/plugins/internal/hypernasv1"
	"github.com/hypernas/hypernas/plugins/internal/wire"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// protocolPage returns the sections of docs/protocol.md by their titles of
// third order, and the whole of it.
func protocolPage(t *testing.T) (sections map[string]string, page string) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("..", "..", "..", "docs", "protocol.md"))
	if err != nil {
		t.Fatal(err)
	}
	sections = make(map[string]string)
	for _, part := range regexp.MustCompile(`(?m)^#+ `).Split(string(data), -1) {
		title, body, _ := strings.Cut(part, "\n")
		sections[title] = body
	}
	return sections, string(data)
}

// rows returns the cells of a section's tables, without their heads, and
// without the last column, which explains.
func rows(section string) []string {
	var all []string
	for line := range strings.Lines(section) {
		cells := strings.Split(strings.TrimSpace(line), "|")
		if len(cells) < 4 || !strings.HasPrefix(line, "|") || strings.HasPrefix(line, "|-") || strings.HasPrefix(line, "| #") || strings.HasPrefix(line, "| method") {
			continue
		}
		var row []string
		for _, c := range cells[1 : len(cells)-2] {
			row = append(row, strings.Trim(c, " `"))
		}
		all = append(all, strings.Join(row, " | "))
	}
	return all
}

// TestProtocolPageIsThatOfTheProto checks that docs/protocol.md has every
// message, field, enumeration, value, service and method of the proto, with
// its number and type, and no other.
func TestProtocolPageIsThatOfTheProto(t *testing.T) {
	sections, _ := protocolPage(t)
	want := make(map[string][]string)
	file := pb.File_hypernas_v1_hypernas_proto
	for i := range file.Messages().Len() {
		m := file.Messages().Get(i)
		title := "message " + string(m.Name())
		want[title] = nil
		for j := range m.Fields().Len() {
			f := m.Fields().Get(j)
			want[title] = append(want[title], fmt.Sprintf("%d | %s | %s", f.Number(), f.Name(), typeOf(f)))
		}
	}
	for i := range file.Enums().Len() {
		e := file.Enums().Get(i)
		title := "enum " + string(e.Name())
		for j := range e.Values().Len() {
			want[title] = append(want[title], fmt.Sprintf("%d | %s", e.Values().Get(j).Number(), e.Values().Get(j).Name()))
		}
	}
	for i := range file.Services().Len() {
		s := file.Services().Get(i)
		title := "service " + string(s.Name())
		for j := range s.Methods().Len() {
			m := s.Methods().Get(j)
			row := []string{string(m.Name()), string(m.Input().Name()), string(m.Output().Name())}
			if m.IsStreamingClient() {
				row[1] = "stream of " + row[1]
			}
			if m.IsStreamingServer() {
				row[2] = "stream of " + row[2]
			}
			want[title] = append(want[title], strings.Join(row, " | "))
		}
	}
	for title, list := range want {
		got := rows(sections[title])
		if _, there := sections[title]; !there {
			t.Errorf("docs/protocol.md has no section %q", title)
		} else if strings.Join(got, "\n") != strings.Join(list, "\n") {
			t.Errorf("docs/protocol.md, %s: got\n%s\nwant\n%s", title, strings.Join(got, "\n"), strings.Join(list, "\n"))
		}
	}
	for title := range sections {
		kind, _, _ := strings.Cut(title, " ")
		if _, known := want[title]; !known && (kind == "message" || kind == "enum" || kind == "service") {
			t.Errorf("docs/protocol.md has the section %q, which is not in the proto", title)
		}
	}
}

func typeOf(f protoreflect.FieldDescriptor) string {
	name := f.Kind().String()
	switch {
	case f.IsMap():
		return fmt.Sprintf("map<%s, %s>", f.MapKey().Kind(), f.MapValue().Kind())
	case f.Kind() == protoreflect.MessageKind:
		name = string(f.Message().Name())
	case f.Kind() == protoreflect.EnumKind:
		name = string(f.Enum().Name())
	}
	if f.IsList() {
		name = "repeated " + name
	}
	return name
}

func TestProtocolPageHasTheConstants(t *testing.T) {
	_, page := protocolPage(t)
	for _, want := range []string{
		fmt.Sprintf("`%s` | is `%s`", wire.CookieKey, wire.CookieValue),
		fmt.Sprintf("1|%d|unix|", wire.ProtocolVersion),
		"`" + wire.LifelineKey + "`",
		fmt.Sprintf("A message has at most %d MiB", pb.MessageBytes>>20),
		"at most 4,096 rows", fmt.Sprintf("2^%d (2,097,152) entries", log2(pb.BlockEntries)),
	} {
		if !strings.Contains(page, want) {
			t.Errorf("docs/protocol.md lacks %q", want)
		}
	}
	if pb.BlockRows != 4096 || pb.BlockEntries != 2_097_152 {
		t.Error("docs/protocol.md has other limits of a block")
	}
}

func log2(n int) int {
	k := 0
	for n > 1 {
		n, k = n/2, k+1
	}
	return k
}
