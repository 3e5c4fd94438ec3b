"""What the tests share: servers that do what a script says, documents, frames, and the
package under test.
"""
