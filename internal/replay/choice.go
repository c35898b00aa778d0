package replay

import "io"

// Choice writes the page on which somebody picks a story to watch. Its form posts the story's name to "play".
func Choice(w io.Writer, stories []*Story) error {
	type group struct {
		Heading, About string
		Stories        []*Story
	}
	decide := group{Heading: "You decide", About: "The run stops at the gate, and shows you the page that an approver sees."}
	watch := group{Heading: "You watch", About: "Most of these end before anybody is asked: watch it refuse."}
	for _, s := range stories {
		if s.decided() {
			decide.Stories = append(decide.Stories, s)
		} else {
			watch.Stories = append(watch.Stories, s)
		}
	}
	return write(w, "choice", []group{decide, watch})
}

// decided tells whether somebody decides in the story.
func (s *Story) decided() bool {
	for _, line := range s.Script {
		if line.Do.decides() {
			return true
		}
	}
	return false
}
