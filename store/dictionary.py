"""What the JSON of all records has in common, so that none has to say it again.

What lies in stores can only be read with the very same bytes: this is never changed. A better one
gets a number of its own in `store/packing.py`.
"""

from __future__ import annotations

COMMON = (
    b'"language":"zh-Hans","categories":["politics","world","news"],'
    b'"enclosures":[{"url":"https://","type":"audio/mpeg","length":'
    b'","updated":"20","summary":"","content_type":"html","base":"https://www.",'
    b'{"id":"urn:millrace:","source":"","guid":"https://www.","url":"https://","title":"",'
    b'"arrived":"2026-01-01T00:00:00.000000Z","place":"2026-01-01T00:00:00Z","order":10,'
    b'"decision":"merged","rule":"distance","story":"urn:millrace:","distance":12,'
    b'"similarity":0.9,"compared_with":"urn:millrace:","revised":"2026-","attempts":1,'
    b'"backfill":true,"raw":{"guid":"https://","position":1,"title":"","link":"https://"}'
    b'"decision":"published","rule":"founder","story":"urn:millrace:'
    b'{"id":"urn:millrace:","first_seen":"2026-","arrived":"2026-","order":1,"updated":"2026-'
    b'","version":2,"representative":"urn:millrace:","members":[{"id":"urn:millrace:","source":"'
    b'","url":"https://www.","title":"","first_seen":"2026-","decision":"merged","rule":"same-url"'
    b',"distance":0,"similarity":1.0,"priority":1,"published":"2026-01-01","tags":["'
    b'","decision":"published","rule":"founder","published":"2026-01-01T00:00:00+00:00"}],'
    b'"article":{"title":"","author":"","published":"2026-01-01T00:00:00+00:00",'
    b'"original_url":"https://www.","link":"https://www.","lead_image":"https://","language":"en",'
    b'"html":"<h2></h2>\\n<blockquote><p></p></blockquote>\\n<ul><li><p></p></li></ul>\\n'
    b'<figure><img src=\\"https://\\" alt=\\"\\" width=\\"600\\" height=\\"400\\" '
    b'loading=\\"lazy\\" /><figcaption></figcaption></figure>\\n<p><strong></strong></p>\\n'
    b'<p><a href=\\"https://www.\\" rel=\\"noopener noreferrer\\"></a></p>\\n<p>'
    b'","text":"\\n\\n","images":["https://","https://"],"links":["https://www.","https://www."],'
    b'"method":"page","removed":[{"rule":"learned","text":"'
    b'"},{"rule":"promo","text":"'
    b'"},{"rule":"share","text":"'
    b'"},{"rule":"related","text":"'
    b'"},{"rule":"original-address","text":"'
    b'"},{"rule":"editor","text":"'
    b'"},{"rule":"navigation","text":"'
    b'"},{"rule":"title","text":"'
    b'"}]}}'
)
