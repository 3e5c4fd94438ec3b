"""What comes from 1.7 to this package: a program for both, and the rows of `promptjuggler.moving`.

Neither imports anything of these tests, since both run in the environment of the published
package, too. The tests are `package/test_moving.py` and `package/test_published.py`.
"""
