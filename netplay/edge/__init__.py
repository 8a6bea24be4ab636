"""The other side: a title to play, servers to fetch it from, a link to fetch it over.

For tests, demos and harnesses, never for production. Everything here is real enough to be
measured against: titles are encoded and CMAF-packaged, servers run in processes of their
own over HTTP, and the link between them and the viewer keeps to a bandwidth trace. So a
player that behaves well here has nothing left to learn on a real network but its manners.

Read in this order: `title` (what a title is), `cache` (how one comes to be), `origin`, `oca`
and `servers` (who hands it out), `httpd` (how that goes over a wire), `faults` (how it goes
wrong), `playback` and `steering` (who sends viewers where), `license` (who gives its keys),
`link` and `relay` (what stands between), `testbed` (all of it in one call).
"""
